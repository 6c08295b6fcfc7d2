"""Two kinds of pictures that one pattern takes, such as ``0001.png`` and ``0001_depth.png``."""

import re
from collections.abc import Iterator, Sequence

from trainer.datasets.decoding import read_stored
from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import NAME, FilePattern
from trainer.errors import DataError

__all__ = ["check_twins"]

#: Share of a pattern's files that end alike where a folder holds up to four kinds of files.
COMMON = 0.2


def check_twins(names: Sequence[str], pattern: FilePattern, tree: FileTree) -> None:
    """Refuse names that are others with an ending, if their files are of another kind.

    Args:
        names: What a pattern takes.
        pattern: The pattern.
        tree: The files under the data set's folder.

    Raises:
        DataError: If a common ending marks pictures of other channels or bits; says the pattern
            that takes them.
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
            f"{pattern.text} takes {files[0]} ({kinds[0]}) and {files[1]} ({kinds[1]}): describe"
            f" the second kind by files = {own!r} in a table of its own, or move its files"
        )
