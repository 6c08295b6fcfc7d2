"""Assigning images to splits by the lists and shares of a description."""

import re
from collections.abc import Collection, Mapping
from functools import partial

from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.description import Description
from trainer.datasets.folder.leftovers import missing_hint
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
    lists = {
        name: root / native(path)
        for name in ("train", "val", "test")
        if isinstance(path := getattr(rule, name), str)
    }
    listed = {name: read_list(path) for name, path in lists.items()}
    check_apart({str(lists[name]): names for name, names in listed.items()})
    where = {name: str(path) for name, path in lists.items()}
    if "train" not in listed:
        others = {composed(name) for names in listed.values() for name in names}
        found = _find(tree, modalities, description.patterns())
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
