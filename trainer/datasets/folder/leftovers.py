"""Files in the described folders that match no pattern, with a pattern that would match them."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import DEEP, NAME, FilePattern
from trainer.datasets.unused import Unused, find_unused, shown

__all__ = ["find_leftovers", "missing_hint"]


def find_leftovers(
    tree: FileTree,
    every: Sequence[FilePattern],
    read: Sequence[FilePattern],
    used: Collection[Path],
) -> Unused:
    """Search the folders of the modalities that are read, and of the labels.

    Args:
        tree: The files under the data set's folder.
        every: All patterns of the description.
        read: Patterns whose files are read.
        used: The files of images and labels.
    """

    def fits(path: Path, patterns: Sequence[FilePattern]) -> bool:
        file = tree.text(path)
        return any(pattern.match(file) is not None for pattern in patterns)

    others = tuple(pattern for pattern in every if pattern not in read)
    return find_unused(
        tree,
        used,
        folders={tree.root / pattern.folder: pattern.text for pattern in read},
        matches=partial(fits, patterns=read),
        leave=partial(fits, patterns=others),
        advise=partial(_advice, tree, read),
    )


def missing_hint(tree: FileTree, pattern: FilePattern) -> str:
    """The files in a pattern's folder, for a message that no image was found."""
    folder = tree.root / pattern.folder
    there = list(tree.files(folder, deep=True))
    if folder == tree.root or not there:
        return ""
    return f" ({folder} holds {shown(there, folder)}; {_advice(tree, (pattern,), folder, there)})"


def _advice(
    tree: FileTree, patterns: Sequence[FilePattern], folder: Path, files: list[Path]
) -> str:
    """How to use the files of one folder."""
    here = [pattern for pattern in patterns if tree.root / pattern.folder == folder]
    texts = [tree.text(path) for path in files]
    for pattern in here:
        deep = _deep(pattern)
        if deep is not None and any(FilePattern(deep).match(text) is not None for text in texts):
            return f"write files = {deep!r} to take those in folders as well"
    endings = sorted({path.suffix for path in files})
    verb = "does" if len(here) == 1 else "do"
    return (
        f"{' and '.join(repr(pattern.text) for pattern in here)} {verb} not match them"
        f" ({', '.join(ending or 'no extension' for ending in endings[:5])}): rename, convert or"
        " move them, or describe them in their own table"
    )


def _deep(pattern: FilePattern) -> str | None:
    """The pattern that also matches files in subfolders; None if it does already, or cannot."""
    path = PurePosixPath(pattern.text)
    if pattern.deep or NAME not in path.name:
        return None
    return str(path.parent / DEEP / path.name)
