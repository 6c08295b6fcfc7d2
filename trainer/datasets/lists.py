"""Which images belong to which split: lists in files, and splits carved by a seed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trainer.errors import DataError
from trainer.seeds import numpy_generator

__all__ = ["check_apart", "files_of", "hold_out", "itself", "read_list"]


def itself(name: str) -> str:
    """The group of an image that belongs with no other."""
    return name


def read_list(path: Path) -> tuple[str, ...]:
    """The image names of a split file, one a line; empty lines do not count.

    Raises:
        DataError: If the file cannot be read, names nothing, or names an image twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read the split file {path}: {error}; give a text file with a name a line"
        ) from error
    first: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if name in first:
            raise DataError(
                f"{path} names {name!r} in line {first[name]} and again in line {number}: remove"
                " one of them"
            )
        if name:
            first[name] = number
    if not first:
        raise DataError(f"the split file {path} is empty: write a name a line, or remove it")
    return tuple(first)


def files_of(
    names: Sequence[str], *, folder: Path, suffix: str, listed_in: Path
) -> dict[str, Path]:
    """The file of each name, ``FOLDER/NAME + SUFFIX``.

    Args:
        names: Image names, as a split file gives them.
        folder: Where the files lie.
        suffix: What a file's name has beyond the image's.
        listed_in: The split file, for the message.

    Raises:
        DataError: On the first name without a file.
    """
    paths = {name: folder / f"{name}{suffix}" for name in names}
    for name, path in paths.items():
        if not path.is_file():
            raise DataError(
                f"{listed_in} names {name!r} but there is no file {path}: add it or remove that"
                " line"
            )
    return paths


def hold_out(
    names: Sequence[str],
    *,
    share: float,
    purpose: tuple[str | int, ...],
    group: Callable[[str], str] = itself,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part names into those that stay and those held out, whole groups at a time.

    Args:
        names: Image names.
        share: Share of the groups to hold out, 0 to 1; at least one is, and one stays.
        purpose: Seed and names of what is carved, for :mod:`trainer.seeds`.
        group: What an image belongs to, such as its scene: a group is never parted.

    Returns:
        Names that stay and names held out, each in the order of ``names``.

    Raises:
        DataError: If there are fewer than two groups.
    """
    groups = sorted({group(name) for name in names})
    if len(groups) < 2:
        raise DataError(
            f"{len(names)} images of {len(groups)} group cannot be parted into two splits: add"
            " images, or list each split in a file"
        )
    numpy_generator(*purpose).shuffle(groups)
    held = set(groups[: min(max(1, round(share * len(groups))), len(groups) - 1)])
    return (
        tuple(name for name in names if group(name) not in held),
        tuple(name for name in names if group(name) in held),
    )


def check_apart(
    splits: Mapping[str, Sequence[str]], *, group: Callable[[str], str] = itself
) -> None:
    """Refuse an image that is in two splits.

    Args:
        splits: Where a split is listed, for the message, to its names.
        group: What an image belongs to that must not be in two splits either.

    Raises:
        DataError: On the first such image.
    """
    seen: dict[str, tuple[str, str]] = {}
    for where, names in splits.items():
        for name in names:
            other, twin = seen.setdefault(group(name), (where, name))
            if other != where:
                raise DataError(
                    f"{where} names {name!r}, and {other} names {twin!r}, which is the same"
                    " image: keep it in one of them"
                )
