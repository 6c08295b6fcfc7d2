"""A folder of images, looked at: a first description of it as a data set."""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.console.progress import OnProgress
from trainer.datasets.crops import is_same_view
from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import NAME, SPECIAL
from trainer.datasets.headers import read_size
from trainer.datasets.names import PICTURES, native
from trainer.drafting.class_names import read_class_names
from trainer.drafting.facts import SAMPLE, spread
from trainer.drafting.groups import Group, find_groups
from trainer.drafting.labels import Classes, draft_labels
from trainer.drafting.modalities import Table, draft_modalities
from trainer.drafting.roles import Pick, Roles, find_roles, look_through
from trainer.drafting.splits import draft_splits
from trainer.drafting.words import LABEL, kind_in
from trainer.errors import DataError

__all__ = ["Draft", "draft_description"]

CLUSTERS = 8  # where there are no labels
SHOWN = 3
#: The number at the end of a name.
NUMBER = r"[_-]?[0-9]+$"
#: Files that make a coincidence of names unlikely.
SEVERAL = 3
#: Files of labels that are no pictures.
OUTLINES = (".json", ".txt", ".xml")

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A description before it is written."""

    #: The classes as labels have them; None without labels.
    classes: Classes | None
    modalities: Mapping[str, Table]
    splits: Table
    #: What is in the folder and not described, a line each.
    left: tuple[str, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to check, a line each."""
        tables = [*self.modalities.values(), self.splits]
        found = [doubt for table in tables for doubt in table.doubts]
        if self.classes is None:
            return (*found, unlabelled_doubt())
        return (*found, *self.classes.table.doubts)


def unlabelled_doubt() -> str:
    """What to check where there are no labels."""
    return f"classes: there are no labels; {CLUSTERS} clusters are a guess"


def draft_description(root: Path, progress: OnProgress) -> Draft:
    """Look at a folder.

    Args:
        root: The folder.
        progress: Called with what is done, how much of it, and of how much.

    Raises:
        DataError: If it holds no images, or they cannot be described.
    """
    tree = FileTree(root)
    groups, others = find_groups(tree)
    if not groups:
        raise DataError(_no_images(root, others))
    _check_folders(file for group in groups for file in group.files)
    looked = look_through(root, groups)
    roles = find_roles(looked)
    faults = [facts.faults[0] for facts in looked.values() if facts.faults and not facts.storages]
    if roles is None and faults:
        raise DataError(f"{root} has no image that can be read; {faults[0]}")
    if roles is None:
        raise DataError(
            f"{root} holds no images that a pattern can describe (found:"
            f" {', '.join(_title(group) for group in groups[:SHOWN])}): put each kind of image"
            " into a folder of its own, with the same names in all of them"
        )
    modalities = _modalities(root, roles)
    first = roles.modalities[0]
    next(iter(modalities.values())).doubts += [
        *(f"{_title(group)} not described: {reason}" for group, reason in roles.unreadable),
        *_bands(first, roles),
    ]
    left = [f"{_title(group)} not described: {reason}" for group, reason in roles.left]
    label, labels = _labels(root, roles.labels, others, left, progress)
    splits = draft_splits(
        tree,
        first.files.keys(),
        () if label is None else label.files.keys(),
        {pick.name: pick.pattern for pick in roles.modalities},
        others,
    )
    return Draft(
        classes=labels,
        modalities=modalities,
        splits=splits,
        left=(*left, *_unread(others), *(() if label else _outlines(others, first.files))),
    )


def _check_folders(files: Iterable[str]) -> None:
    """Refuse folders whose names a description cannot hold.

    Raises:
        DataError: If there is one.
    """
    for folder in sorted({PurePosixPath(file).parent for file in files}):
        if set(SPECIAL) & set(str(folder)):
            raise DataError(
                f"the name of the folder {str(folder)!r} has one of {SPECIAL}, which have a"
                " meaning in a description: rename it"
            )
        try:
            str(folder).encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the name of the folder {str(folder)!a} is not in UTF-8: rename it"
            ) from error


def _bands(first: Pick, roles: Roles) -> list[str]:
    """A line if images may be bands: other files have their names without the number."""
    stems = {re.sub(NUMBER, "", name) for name in first.files}
    for group, _ in roles.left:
        if any(len(names.keys() & stems) >= SEVERAL for names in group.patterns.values()):
            return [
                f"{first.name}: {_title(group)} have the names of several images without the"
                " number at their end; if each number is a band, describe each as a modality, such"
                f" as files = {_with_number(first)!r}"
            ]
    return []


def _with_number(first: Pick) -> str:
    """The pattern of the files whose name has the number of the first one."""
    found = re.search(NUMBER, next(iter(first.files)))
    return first.pattern.replace(NAME, f"{NAME}{found[0] if found else ''}")


def _modalities(root: Path, roles: Roles) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    first = roles.modalities[0]
    for pick in roles.modalities:
        drafted = draft_modalities(pick.name, pick.pattern, pick.facts)
        sizes = _sizes(root, pick, first)
        for name, table in drafted.items():
            if name not in tables:
                _say_size(table, name, sizes, first)
                _say_missing(table, name, pick, first)
                tables[name] = table
    return tables


def _sizes(root: Path, pick: Pick, first: Pick) -> list[tuple[Size, Size]]:
    """Widths and heights of some images, each beside those of the first modality."""
    found = []
    for name in spread(sorted(first.files.keys() & pick.files.keys()), SAMPLE):
        with contextlib.suppress(DataError):  # reported when the description is checked
            mine, wanted = (read_size(root / native(each.files[name])) for each in (pick, first))
            found.append((mine, wanted))
    return found


def _say_size(table: Table, name: str, sizes: list[tuple[Size, Size]], first: Pick) -> None:
    different = [(mine, wanted) for mine, wanted in sizes if mine != wanted]
    if not different or not all(is_same_view(mine, wanted) for mine, wanted in different):
        return
    mine, wanted = different[0]
    table.settings["other_size"] = "nearest"
    table.doubts.append(
        f"{name}: images have {mine[0]} x {mine[1]} pixels, those of {first.name}"
        f" {wanted[0]} x {wanted[1]}; they are taken to show the same view"
    )


def _say_missing(table: Table, name: str, pick: Pick, first: Pick) -> None:
    lacking = sorted(first.files.keys() - pick.files.keys())
    if lacking:
        table.doubts.append(
            f"{name}: {len(lacking)} of {len(first.files)} images lack it, such as"
            f" {lacking[0]!r}; add their files, or list the others"
        )


def _labels(
    root: Path,
    picks: Sequence[Pick],
    others: Iterable[str],
    left: list[str],
    progress: OnProgress,
) -> tuple[Pick | None, Classes | None]:
    """The first labels that hold classes; ``left`` gets the others, with the reason."""
    chosen: tuple[Pick | None, Classes | None] = None, None
    for pick in picks:
        reason = f"labels are taken from {chosen[0].group.title}" if chosen[0] else ""
        if not reason:
            try:
                paths = [root / native(file) for file in pick.files.values()]
                named = read_class_names(root, others)
                chosen = pick, draft_labels(pick.pattern, paths, named, progress)
                continue
            except DataError as error:
                reason = str(error)
        left.append(f"{_title(pick.group)} not described: {reason}")
    return chosen


def _title(group: Group) -> str:
    files = group.files
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}"


def _unread(others: Iterable[str]) -> list[str]:
    """Pictures of kinds that nothing here reads."""
    found = [file for file in others if Path(file).suffix.lower() in PICTURES]
    endings = sorted({Path(file).suffix.lower() for file in found})
    if not found:
        return []
    return [
        f"{len(found)} files ({', '.join(endings)}) are not read: convert them to .png or .npy"
    ]


def _outlines(others: Iterable[str], images: Mapping[str, str]) -> list[str]:
    """Labels as outlines or boxes, such as those of COCO, YOLO and LabelMe.

    Args:
        others: Files that are no pictures.
        images: Name of each image to its file.
    """
    stems = {PurePosixPath(file).stem for file in images.values()}
    found = [
        file
        for file in others
        if PurePosixPath(file).suffix.lower() in OUTLINES
        and (
            PurePosixPath(file).stem in stems
            or any(kind_in(part) == LABEL for part in PurePosixPath(file).parent.parts)
        )
    ]
    if not found:
        return []
    return [
        f"{len(found)} files such as {found[0]} not read: outlines and boxes are no labels here;"
        " draw them into masks, a PNG of class numbers per image"
    ]


def _no_images(root: Path, others: tuple[str, ...]) -> str:
    endings = sorted({Path(file).suffix for file in others if re.search(r"\.\w+$", file)})
    there = f"it has {', '.join(endings[:5])} files" if endings else "it is empty"
    return (
        f"{root} holds no images ({there}): give a folder with .png, .jpg, .tif, .bmp, .webp or"
        " .npy files"
    )
