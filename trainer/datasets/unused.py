"""Files in a data set's folders that no image of it is made from, told in a line a folder."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.file_tree import FileTree
from trainer.datasets.names import PICTURES, same_kind

__all__ = ["Unused", "find_unused", "shown"]

SHOWN = 3  # files that are named; the others are counted

#: What to do about files that are left over in a folder: from the folder and the files.
Mend = Callable[[Path, list[Path]], str]


@dataclass(frozen=True, kw_only=True)
class Unused:
    """What is left over."""

    #: A line for all files that would be images if a list named them.
    unlisted: tuple[str, ...] = ()
    #: A line a folder with files that fit nothing that is described.
    unmatched: tuple[str, ...] = ()


def find_unused(
    tree: FileTree,
    used: Collection[Path],
    *,
    folders: Mapping[Path, str],
    matches: Callable[[Path], bool] | None = None,
    leave: Callable[[Path], bool] = lambda path: False,
    mend: Mend | None = None,
) -> Unused:
    """Look through the folders that images are in.

    Args:
        tree: The files under the data set's root, in which other things may lie than pictures.
        used: Files that images and labels are made from.
        folders: Each folder to the name of a file as it should be there.
        matches: Whether a file would be an image if it were listed; by default, whether it lies
            in the folder itself and has the extension that it should have.
        leave: Whether a file is known and needs no word.
        mend: What to do about files that fit nothing.
    """
    unlisted, unmatched = [], []
    seen = set(used)
    for folder, example in folders.items():
        extra = [
            path
            for path in tree.files(folder, deep=True)
            if path not in seen and not leave(path) and (folder != tree.root or _is_picture(path))
        ]
        seen |= set(extra)
        listable = [
            path for path in extra if (matches(path) if matches else _fits(path, folder, example))
        ]
        if listable:
            unlisted.append(f"{len(listable)} in {folder} ({shown(listable, folder)})")
        others = [path for path in extra if path not in set(listable)]
        if others:
            advice = mend(folder, others) if mend else "rename or move them if they are meant"
            unmatched.append(
                f"{_count(others)} in {folder} not used: {shown(others, folder)}; {advice}"
            )
    line = f"files of no image in the splits, not used: {', '.join(unlisted)}"
    return Unused(unlisted=(line,) if unlisted else (), unmatched=tuple(unmatched))


def shown(paths: Iterable[Path], folder: Path) -> str:
    """The first few files by their path under a folder, and how many more there are."""
    names = [path.relative_to(folder).as_posix() for path in paths]
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _fits(path: Path, folder: Path, example: str) -> bool:
    return path.parent == folder and same_kind(path.name, example)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _count(paths: list[Path]) -> str:
    return "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
