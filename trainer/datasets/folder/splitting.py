"""Assigning images to splits by the lists and shares of a description."""

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.description import Description
from trainer.datasets.folder.leftovers import missing_hint
from trainer.datasets.folder.lists import listed_name
from trainer.datasets.folder.patterns import FilePattern, own_names
from trainer.datasets.folder.twins import check_twins
from trainer.datasets.lists import SplitNames, carve_missing, check_apart, itself, read_list
from trainer.datasets.names import composed, native
from trainer.errors import DataError

__all__ = ["split_names"]


def split_names(
    tree: FileTree, modalities: Collection[str], description: Description, seed: int
) -> SplitNames:
    """Names by list; all other images are train, from which the shares are held out.

    Args:
        tree: The files under the data set's folder.
        modalities: The modalities that are read.
        description: Has the lists, shares and patterns.
        seed: Determines the images of the shares.

    Raises:
        DataError: If a modality has no files, or a list is damaged.
    """
    root, rule = tree.root, description.splits
    named = {
        name: value
        for name in ("train", "val", "test")
        if isinstance(value := getattr(rule, name), str)
    }
    found: tuple[str, ...] = ()
    if "train" not in named or any(map(_is_folder, named.values())):
        found = _find(tree, modalities, description.patterns())
    where = {name: str(root / native(value)) for name, value in named.items()}
    patterns = [description.patterns()[modality] for modality in modalities]
    listed = {
        name: _inside(value, found, tree)
        if _is_folder(value)
        else _names_in(Path(where[name]), patterns)
        for name, value in named.items()
    }
    check_apart({where[name]: names for name, names in listed.items()})
    if "train" not in listed:
        others = {composed(name) for names in listed.values() for name in names}
        listed["train"] = tuple(name for name in found if composed(name) not in others)
        where["train"] = str(root)
    return carve_missing(
        listed,
        where=where,
        shares={
            name: share
            for name in ("val", "test")
            if isinstance(share := getattr(rule, name), float)
        },
        purpose=("folder", "split", seed),
        group=itself if rule.scene is None else partial(_scene, rule.scene),
    )


def _names_in(file: Path, patterns: Collection[FilePattern]) -> tuple[str, ...]:
    """The images of a list; one may be listed by several of its files."""
    return tuple(dict.fromkeys(listed_name(line, patterns) for line in read_list(file)))


def _is_folder(value: str) -> bool:
    return value.endswith("/")


def _inside(folder: str, names: Collection[str], tree: FileTree) -> tuple[str, ...]:
    """The names that begin with a folder."""
    inside = tuple(name for name in names if composed(name).startswith(composed(folder)))
    if not inside:
        raise DataError(
            f"no image of {tree.root} has a name that begins with {folder!r}, as [splits] asks:"
            f" names are such as {', '.join(map(repr, sorted(names)[:2]))}; correct the folder"
        )
    return inside


def _find(
    tree: FileTree, modalities: Collection[str], patterns: Mapping[str, FilePattern]
) -> tuple[str, ...]:
    """Names that have a file in any modality."""
    names: dict[str, str] = {}  # a name may be written in two forms of Unicode
    for modality in modalities:
        here = own_names(patterns[modality], patterns.values(), tree)
        if not here:
            raise DataError(
                f"{tree.root} has no file {patterns[modality].text} for the modality"
                f" {modality!r}: fix 'files', or add images"
                + missing_hint(tree, patterns[modality])
            )
        check_twins(here, patterns[modality], tree)
        for name in here:
            names.setdefault(composed(name), name)
    return tuple(sorted(names.values()))


def _scene(pattern: str, name: str) -> str:
    found = re.search(pattern, name)
    if found is None:
        raise DataError(
            f"splits.scene = {pattern!r} finds no scene in the name {name!r}: fix the expression"
        )
    return found[1] if found.re.groups else found[0]
