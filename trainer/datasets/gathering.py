"""The files of listed images, and a line for each that is missing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet, Split
from trainer.datasets.files import FileSource
from trainer.datasets.lists import SplitNames

__all__ = ["Gathered", "gather"]

#: From an image's name to its files in one modality: one, or those that make it together.
ImageFiles = Callable[[str], tuple[Path, ...]]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The splits with their files, without the images that lack one."""

    #: For :class:`~trainer.datasets.files.FileSource`.
    images: Mapping[str, Mapping[str, tuple[Path, ...]]]
    labels: Mapping[str, Path]
    train: Split
    val: Split
    test: Split
    faults: tuple[str, ...]

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
    ) -> DataSet:
        """The data set of these files.

        Args:
            config: What was asked for.
            classes: Name and colour (RGB, 0 to 255) of each.
            source: Reads the files.
            root: Its folder.
            identity: What its fingerprint is of, beside the files.
            notes: What was decided about it, a line each.
            odd_channels: Modality to its channels that change sign in a mirrored image.
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
            notes=notes,
            faults=self.faults,
            odd_channels=odd_channels or {},
        )


def gather(
    names: SplitNames, *, images: Mapping[str, ImageFiles], label: Callable[[str], Path] | None
) -> Gathered:
    """Look for the files of every image.

    A split is labelled if any of its images has a label file; then each has to have one.

    Args:
        names: The splits.
        images: Modality to where the files of an image are.
        label: Where the label of an image would be; None for a data set without labels.
    """
    faults: dict[str, None] = {}  # in order, each once
    splits: dict[str, Split] = {}
    found_images: dict[str, dict[str, tuple[Path, ...]]] = {modality: {} for modality in images}
    found_labels: dict[str, Path] = {}
    for split in ("train", "val", "test"):
        listed: tuple[str, ...] = getattr(names, split)
        labels = {} if label is None else {name: label(name) for name in listed}
        labelled = any(path.is_file() for path in labels.values())
        complete = []
        for name in listed:
            files = {modality: paths(name) for modality, paths in images.items()}
            wanted = dict.fromkeys(path for paths in files.values() for path in paths)
            wanted |= {labels[name]: None} if labelled else {}
            missing = [path for path in wanted if not path.is_file()]
            faults |= dict.fromkeys(_fault(names.where[split], name, path) for path in missing)
            if not missing:
                complete.append(name)
                for modality, paths in files.items():
                    found_images[modality][name] = paths
                found_labels |= {name: labels[name]} if labelled else {}
        splits[split] = Split(names=tuple(complete), labelled=labelled)
    return Gathered(images=found_images, labels=found_labels, faults=tuple(faults), **splits)


def _fault(where: str, name: str, path: Path) -> str:
    return f"{where} has {name!r} but there is no file {path}: add it, or take {name!r} out"
