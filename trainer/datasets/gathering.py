"""Finding the files of listed images; each missing file gets a line."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet, Split
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.lists import SplitNames
from trainer.datasets.unused import Unused, find_unused

__all__ = ["Gathered", "gather"]

#: From an image's name to its files in one modality, one or several.
ImageFiles = Callable[[str], tuple[Path, ...]]

#: Finds the unused files in a data set's folders, from the files that are used.
FindUnused = Callable[[Collection[Path]], Unused]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The splits with their files, without the images that lack a file."""

    #: For :class:`~trainer.datasets.files.FileSource`.
    images: Mapping[str, Mapping[str, tuple[Path, ...]]]
    labels: Mapping[str, Path]
    train: Split
    val: Split
    test: Split
    faults: tuple[str, ...]
    #: Unused files in the folders of the images.
    unused: Unused

    def data_set(
        self,
        config: DataConfig,
        *,
        classes: Iterable[tuple[str, tuple[int, int, int]]],
        source: FileSource,
        root: Path,
        identity: Mapping[str, Any],
        notes: tuple[str, ...],
        odd_channels: Mapping[str, tuple[int, ...]] | None = None,
        palette_chosen: bool = False,
    ) -> DataSet:
        """The data set of these files.

        Args:
            config: Requested configuration.
            classes: Name and colour (RGB, 0 to 255) of each.
            source: Reads the files.
            root: Its folder.
            identity: Part of its fingerprint, in addition to the files.
            notes: Decisions about the data set, one line each.
            odd_channels: Modality to the channels that change sign when an image is mirrored.
            palette_chosen: Whether the user chose the colours.
        """
        names, palette = zip(*classes, strict=True)
        return DataSet(
            classes=names,
            palette=palette,
            modalities=config.modalities,
            train=self.train,
            val=self.val,
            test=self.test,
            source=source,
            root=root,
            identity=identity,
            notes=(*notes, *self.unused.unlisted),
            unused=self.unused.unmatched,
            faults=self.faults,
            odd_channels=odd_channels or {},
            palette_chosen=palette_chosen,
        )


def gather(
    names: SplitNames,
    *,
    tree: FileTree,
    images: Mapping[str, ImageFiles],
    label: Callable[[str], Path] | None,
    unused: FindUnused | None = None,
) -> Gathered:
    """Find the files of every image.

    A split is labelled if any of its images has a label file; then all of them need one.

    Args:
        names: The splits.
        tree: Finds files under the data set's root.
        images: Modality to the function that gives the files of an image.
        label: Function that gives the label file of an image; None for data without labels.
        unused: Finds unused files; by default in the folders of these files.

    Raises:
        DataError: If two files match a name.
    """
    faults: dict[str, None] = {}  # a set that preserves the order
    splits: dict[str, Split] = {}
    found_images: dict[str, dict[str, tuple[Path, ...]]] = {modality: {} for modality in images}
    found_labels: dict[str, Path] = {}
    folders: dict[Path, str] = {}
    used: set[Path] = set()
    for split in ("train", "val", "test"):
        listed: tuple[str, ...] = getattr(names, split)
        labels = {} if label is None else {name: label(name) for name in listed}
        found = {name: tree.find(path) for name, path in labels.items()}
        labelled = any(path is not None and path.is_file() for path in found.values())
        folders |= {path.parent: path.name for path in labels.values()}
        complete = []
        for name in listed:
            files = {modality: paths(name) for modality, paths in images.items()}
            wanted = {path: tree.find(path) for paths in files.values() for path in paths}
            folders |= {path.parent: path.name for path in wanted}
            wanted |= {labels[name]: found[name]} if labelled else {}
            there = {path: each for path, each in wanted.items() if each and each.is_file()}
            used |= set(there.values())
            missing = [wanted[path] or path for path in wanted if path not in there]
            faults |= dict.fromkeys(_fault(names.where[split], name, path) for path in missing)
            if not missing:
                complete.append(name)
                for modality, paths in files.items():
                    found_images[modality][name] = tuple(there[path] for path in paths)
                found_labels |= {name: there[labels[name]]} if labelled else {}
        splits[split] = Split(names=tuple(complete), labelled=labelled)
    return Gathered(
        images=found_images,
        labels=found_labels,
        faults=tuple(faults),
        unused=unused(used) if unused else find_unused(tree, used, folders=folders),
        **splits,
    )


def _fault(where: str, name: str, path: Path) -> str:
    if os.path.islink(path):  # False also for what no file can be called
        return f"{path} is a broken link: fix the link, or remove {name!r} from {where}"
    return f"{where} has {name!r} but there is no file {path}: add it, or remove {name!r}"
