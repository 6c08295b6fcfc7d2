"""Unused files in a data set's folders, one line per folder."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.file_tree import FileTree
from trainer.datasets.names import PICTURES, same_kind

__all__ = ["Unused", "find_unused", "shown"]

SHOWN = 3  # files that are listed by name; the others are only counted

#: Advice on the unused files in a folder, from the folder and the files.
Advise = Callable[[Path, list[Path]], str]


@dataclass(frozen=True, kw_only=True)
class Unused:
    """Unused files."""

    #: One line for all files that would be images if a list named them.
    unlisted: tuple[str, ...] = ()
    #: One line per folder for files that match nothing in the description.
    unmatched: tuple[str, ...] = ()


def find_unused(
    tree: FileTree,
    used: Collection[Path],
    *,
    folders: Mapping[Path, str],
    matches: Callable[[Path], bool] | None = None,
    leave: Callable[[Path], bool] = lambda path: False,
    advise: Advise | None = None,
) -> Unused:
    """Search the folders of the images.

    Args:
        tree: The files under the data set's root, which may contain other files than images.
        used: Files of images and labels.
        folders: Each folder to the name of an expected file.
        matches: Whether a file would be an image if it were listed; by default, whether it is
            directly in the folder and has the expected extension.
        leave: Whether a file is known and needs no mention.
        advise: Gives advice on files that match nothing.
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
            advice = (
                advise(folder, others) if advise else "rename or move them if they should be used"
            )
            unmatched.append(
                f"{_count(others)} in {folder} and not used: {shown(others, folder)}; {advice}"
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
