"""The image that a line of a list means: its name, or the path of one of its files."""

from collections.abc import Collection

from trainer.datasets.folder.patterns import FilePattern

__all__ = ["listed_name"]


def listed_name(line: str, patterns: Collection[FilePattern]) -> str:
    """The image's name.

    A line may also be the path of a file under the data set's folder or under a pattern's own,
    and other paths may follow it after a blank. An absolute path may be that of another machine:
    its end counts.

    Args:
        line: A line of the list.
        patterns: Those of the modalities.
    """
    texts = dict.fromkeys((line, line.split()[0]))
    for path in (path for text in texts for path in _paths(text)):
        for pattern in patterns:
            inside = f"{pattern.folder}/{path}" if pattern.folder else path
            name = pattern.match(path) or pattern.match(inside)
            if name:
                return name
    return line


def _paths(text: str) -> tuple[str, ...]:
    """The path, or every end of an absolute one, the longest first."""
    path = text.removeprefix("./").lstrip("/")
    if not text.startswith("/"):
        return (path,)
    parts = path.split("/")
    return tuple("/".join(parts[index:]) for index in range(len(parts)))
