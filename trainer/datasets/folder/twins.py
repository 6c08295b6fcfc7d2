"""Detection of two kinds of pictures in one pattern, like ``0001.png`` and ``0001_depth.png``."""

import re
from collections.abc import Iterator, Sequence

from trainer.datasets.decoding import read_stored
from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import NAME, FilePattern
from trainer.errors import DataError

__all__ = ["check_twins"]

#: Share of a pattern's files with the same ending if a folder has up to four kinds of files.
COMMON = 0.2


def check_twins(names: Sequence[str], pattern: FilePattern, tree: FileTree) -> None:
    """Refuse names that extend other names, if their files are of another kind.

    Args:
        names: The names that a pattern matches.
        pattern: The pattern.
        tree: The files under the data set's folder.

    Raises:
        DataError: If a common ending marks pictures with other channels or bits; suggests the
            pattern that matches them.
    """
    known = set(names)
    endings: dict[str, list[str]] = {}
    for name in names:
        for ending in _endings(name):
            if name.removesuffix(ending) in known:
                endings.setdefault(ending, []).append(name)
    for ending, twins in endings.items():
        if len(twins) > 1 and len(twins) >= COMMON * len(names):
            _compare(twins[0].removesuffix(ending), ending, pattern, tree)


def _endings(name: str) -> Iterator[str]:
    for found in re.finditer(r"[^a-zA-Z0-9]", name):
        if found.start() > 0:
            yield name[found.start() :]


def _compare(name: str, ending: str, pattern: FilePattern, tree: FileTree) -> None:
    files = [tree.find(tree.root / pattern.path(each)) for each in (name, f"{name}{ending}")]
    kinds = []
    for file in files:
        assert file is not None, "the pattern found it"
        stored = read_stored(file)
        kinds.append(f"{stored.shape[2] if stored.ndim == 3 else 1} x {stored.dtype}")
    if kinds[0] != kinds[1]:
        own = pattern.text.replace(NAME, f"{NAME}{ending}")
        raise DataError(
            f"{pattern.text} matches {files[0]} ({kinds[0]}) and {files[1]} ({kinds[1]}): describe"
            f" the second kind by files = {own!r} in its own table, or move its files"
        )
