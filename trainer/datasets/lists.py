"""Assigning images to splits: by lists in files, or at random with a seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trainer.datasets.names import composed
from trainer.errors import ConfigError, DataError
from trainer.seeds import numpy_generator

__all__ = [
    "HeldOutOptions",
    "SplitNames",
    "ValRule",
    "carve_missing",
    "check_apart",
    "check_share",
    "chosen_on_test",
    "hold_out",
    "itself",
    "read_list",
    "read_splits",
]

#: ``held-out``: the val list, or part of train; ``test``: the test list, on which the published
#: results were chosen.
ValRule = Literal["held-out", "test"]

#: Function from an image to its group, such as its scene, which stays together in one split.
Group = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class SplitNames:
    """The image names of each split."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    #: Split to the source of its names, for messages.
    where: Mapping[str, str]
    #: Decisions about missing lists, one line each.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HeldOutOptions:
    """Options of a data set that has a test list, and a val list or val held out of train."""

    #: ``held-out``: val is its own list, or held out of train; ``test``: val is the test list, as
    #: in the published results.
    val: ValRule = "held-out"
    #: Share of train (its scenes if known, else its images) that is held out for a missing list.
    held_out_share: float = 0.15

    def __post_init__(self) -> None:
        check_share("data.options.held_out_share", self.held_out_share)


def itself(name: str) -> str:
    """The group of an image that forms its own group."""
    return name


def read_splits(
    folder: Path,
    *,
    val: ValRule,
    share: float,
    purpose: tuple[str | int, ...],
    same: Group = itself,
    group: Group = itself,
) -> SplitNames:
    """The splits of ``train.txt``, ``val.txt`` and ``test.txt``; missing ones are held out.

    Without ``val.txt``, val is held out of train. Without ``test.txt``, so is test; its scores
    are then not comparable with those of others, and a note says so.

    Args:
        folder: Folder of the lists; ``train.txt`` is required.
        val: Which images are val.
        share: Share of the groups of train that a held-out split takes.
        purpose: Seed and names of the held-out split, for :mod:`trainer.seeds`.
        same: Function from a name to its image, which may be in one list only.
        group: Function from an image to its group; a group is never divided.

    Raises:
        ConfigError: If val is to be the test list, and there is none.
        DataError: If a list is damaged or empty, an image is in two lists, or train is too small.
    """
    paths = {name: folder / f"{name}.txt" for name in ("train", "val", "test")}
    listed = {
        name: read_list(path) for name, path in paths.items() if name == "train" or path.is_file()
    }
    check_apart({str(paths[name]): names for name, names in listed.items()}, same=same)
    if val == "test" and "test" not in listed:
        raise ConfigError(
            f"data.options.val = 'test' needs the list {paths['test']}: add it or set val to"
            " 'held-out'"
        )
    where = {name: str(path) for name, path in paths.items()}
    notes: tuple[str, ...] = ()
    if val == "test":
        notes = (chosen_on_test(paths["test"]),)
        listed["val"], where["val"] = listed["test"], where["test"]
    carved = carve_missing(
        listed,
        where=where,
        shares={"val": share, "test": share},
        purpose=purpose,
        group=group,
    )
    return replace(carved, notes=notes + carved.notes)


def carve_missing(
    listed: Mapping[str, tuple[str, ...]],
    *,
    where: Mapping[str, str],
    shares: Mapping[str, float],
    purpose: tuple[str | int, ...],
    group: Group = itself,
) -> SplitNames:
    """Hold val and test out of train if they are not listed, and add a note.

    Args:
        listed: Split to its names; ``train`` at least.
        where: Split to the source of its names, for messages.
        shares: Split to the share of the groups of train that it takes if it is held out.
        purpose: Seed and names of the held-out split, for :mod:`trainer.seeds`.
        group: Function from an image to its group; a group is never divided.

    Raises:
        DataError: If train is too small.
    """
    splits, notes = dict(listed), []
    for name in ("val", "test"):
        if name not in splits:
            every = len(splits["train"])
            splits["train"], splits[name] = hold_out(
                splits["train"], share=shares[name], purpose=(*purpose, name), group=group
            )
            notes.append(
                f"there is no list of {name}: {len(splits[name])} of {every} training images are"
                f" held out for it, chosen by data.seed"
            )
    places = {name: where["train"] if name not in listed else where[name] for name in splits}
    return SplitNames(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        where=places,
        notes=tuple(notes),
    )


def read_list(path: Path) -> tuple[str, ...]:
    """The image names of a split file, one per line; empty lines are ignored.

    A byte order mark (BOM), blanks around a name and Windows line endings are not part of a name.

    Raises:
        DataError: If the file cannot be read, names nothing, or names an image twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read the split file {path}: {error}; give a text file in UTF-8 with one name"
            " per line"
        ) from error
    names: list[str] = []
    seen: dict[str, int] = {}  # the same name may be written in two forms of Unicode
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if composed(name) in seen:
            raise DataError(
                f"{path} names {name!r} in line {seen[composed(name)]} and again in line"
                f" {number}: remove one of them"
            )
        if name:
            seen[composed(name)] = number
            names.append(name)
    if not names:
        raise DataError(f"the split file {path} is empty: write one name per line, or remove it")
    return tuple(names)


def hold_out(
    names: Sequence[str], *, share: float, purpose: tuple[str | int, ...], group: Group = itself
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide names into those that stay and those that are held out, in whole groups.

    Args:
        names: Image names.
        share: Share of the groups to hold out, 0 to 1; at least one is held out and one stays.
        purpose: Seed and names of the held-out split, for :mod:`trainer.seeds`.
        group: Function from an image to its group; a group is never divided.

    Returns:
        Names that stay and names that are held out, each in the order of ``names``.

    Raises:
        DataError: If there are fewer than two groups.
    """
    groups = sorted({group(name) for name in names})
    if len(groups) < 2:
        raise DataError(
            f"nothing can be held out of the remaining training images"
            f" ({', '.join(names)}): add images, or list each split in a file"
        )
    numpy_generator(*purpose).shuffle(groups)
    held = set(groups[: min(max(1, round(share * len(groups))), len(groups) - 1)])
    return (
        tuple(name for name in names if group(name) not in held),
        tuple(name for name in names if group(name) in held),
    )


def check_apart(splits: Mapping[str, Sequence[str]], *, same: Group = itself) -> None:
    """Refuse an image that is in two splits.

    Args:
        splits: Name of each list, for the message, to its image names.
        same: Function from a name to its image.

    Raises:
        DataError: On the first such image.
    """
    seen: dict[str, tuple[str, str]] = {}
    for where, names in splits.items():
        for name in names:
            other, twin = seen.setdefault(composed(same(name)), (where, name))
            if other != where:
                raise DataError(
                    f"{where} names {name!r}, and {other} names {twin!r}, which is the same"
                    " image: keep it in one of the lists"
                )


def chosen_on_test(test_list: Path) -> str:
    """The note for a test list that is used as val."""
    return f"val is the test list {test_list.name}: whatever is chosen on val is chosen on test"


def check_share(name: str, share: float) -> None:
    """Refuse a share of train that leaves too little to train on.

    Raises:
        ConfigError: Unless it is more than 0 and at most 1/3.
    """
    if not 0 < share <= 1 / 3:
        raise ConfigError(f"{name} = {share:g} is out of range: give more than 0 and at most 1/3")
