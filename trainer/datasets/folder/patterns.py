"""Paths of a modality's images with ``{name}``, such as ``colour/{name}.png``.

``colour/**/{name}.png`` includes the subfolders of ``colour``, which are part of the name:
``colour/day1/0001.png`` is the image ``day1/0001``. With ``**/colour/{name}.png``, that is the
image of ``day1/colour/0001.png``. ``{split}_images/{name}.png`` takes ``train_images/0001.png``,
which is the image ``train/0001``.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.datasets.file_tree import FileTree
from trainer.datasets.names import composed, fold, name_in
from trainer.errors import ConfigError

__all__ = ["DEEP", "NAME", "SPECIAL", "SPLIT", "FilePattern", "own_names"]

#: Stands for an image's name.
NAME = "{name}"
#: Stands for folders that are part of the name, somewhere before the part with ``{name}``.
DEEP = "**"
#: Stands for part of a folder's name, which becomes the first folder of the image's name.
SPLIT = "{split}"
#: Characters that a name of a folder or file in a pattern cannot have.
SPECIAL = "{}*"


class FilePattern:
    """One such path."""

    def __init__(self, text: str) -> None:
        """Store a path that :meth:`check` accepts."""
        parts = PurePosixPath(text).parts
        place = next(index for index, part in enumerate(parts) if NAME in part)
        self.text = text
        self.deep = DEEP in parts
        split = next((index for index, part in enumerate(parts) if SPLIT in part), None)
        above = parts.index(DEEP) if self.deep else place
        #: Path of the folder that contains all files.
        self.folder = "/".join(parts[: above if split is None else split])
        self._between = parts[above + 1 : place]
        self._before, self._after = parts[place].split(NAME)
        self._rest = parts[place + 1 :]
        self._split = None if split is None else _Split.of(parts[split:])

    @staticmethod
    def check(where: str, text: str) -> None:
        """Refuse a text that is not a pattern.

        Args:
            where: The setting, for the message.
            text: Its value.

        Raises:
            ConfigError: If it lacks a single ``{name}``, leaves the folder, or misplaces ``**``.
        """
        path = PurePosixPath(text)
        rest = text.replace(NAME, "", 1).replace(SPLIT, "", 1)
        if NAME not in text or "{" in rest or "}" in rest:
            raise ConfigError(
                f"{where} = {text!r} must contain {NAME} once, such as 'images/{NAME}.png'"
            )
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(
                f"{where} = {text!r} leaves the data set's folder: give a path under the folder"
                " of the TOML file"
            )
        if SPLIT in text and not _is_above(SPLIT, path):
            raise ConfigError(
                f"{where} = {text!r} has {SPLIT} in a wrong place: use it in the name of a folder"
                f" above {NAME} and any '{DEEP}', such as '{SPLIT}_images/{NAME}.png'"
            )
        last = NAME in path.name and path.parts.count(DEEP) == 1
        if "*" in text and not (last and text.count("*") == len(DEEP)):
            raise ConfigError(
                f"{where} = {text!r} must contain {NAME} once, in the file's name, and no other"
                f" '*' than one '{DEEP}/' before it, such as 'images/{DEEP}/{NAME}.png'"
            )

    def path(self, name: str) -> PurePosixPath:
        """The path of an image's file, under the root."""
        if self._split is not None:
            return PurePosixPath(self.folder, self._split.path(name))
        folders = ""
        if self.deep:
            folders, _, name = name.rpartition("/")
        part = f"{self._before}{name}{self._after}"
        return PurePosixPath(self.folder, folders, *self._between, part, *self._rest)

    def match(self, file: str) -> str | None:
        """The image to which a file under the root belongs; None if there is none."""
        inner = PurePosixPath(file).parts
        outer = PurePosixPath(self.folder).parts
        folders, inner = inner[: len(outer)], inner[len(outer) :]
        if [composed(part) for part in folders] != [composed(part) for part in outer]:
            return None
        if self._split is not None:
            return self._split.match(inner)
        if self.deep:
            *above, last = inner or ("",)
            name = name_in(last, self._before, self._after)
            outer_count = len(above) - len(self._between)
            between = [composed(part) for part in above[max(0, outer_count) :]]
            if name is None or between != [composed(part) for part in self._between]:
                return None
            return "/".join((*above[:outer_count], name))
        if len(inner) != 1 + len(self._rest):
            return None
        if not self._rest:
            return name_in(inner[0], self._before, self._after)
        same = [composed(part) for part in inner[1:-1]] == [composed(p) for p in self._rest[:-1]]
        if not same or fold(inner[-1]) != fold(self._rest[-1]):
            return None
        return name_in(f"{inner[0]}/", self._before, f"{self._after}/")

    def affixes(self) -> tuple[str, str]:
        """The start and the end of file names, without the extension."""
        if self._rest:
            return "", ""
        return self._before, PurePosixPath(f"x{self._after}").stem.removeprefix("x")

    def files(self, tree: FileTree) -> Iterator[tuple[str, Path]]:
        """Every image, with its file or its broken link."""
        folder = tree.root / self.folder
        if self._split is not None or not self._rest:
            deep = self._split is not None or self.deep
            found: Iterator[Path] = tree.files(folder, deep=deep)
        else:
            inner = (each.joinpath(*self._rest) for each in tree.folders(folder))
            found = (path for path in map(tree.find, inner) if path is not None)
        for path in found:
            name = self.match(tree.text(path))
            if name is not None:
                yield name, path


@dataclass(frozen=True)
class _Split:
    """A folder with ``{split}`` in its name, and what is below it."""

    before: str
    after: str
    below: FilePattern

    @classmethod
    def of(cls, parts: Sequence[str]) -> "_Split":
        before, after = parts[0].split(SPLIT)
        return cls(before, after, FilePattern("/".join(parts[1:])))

    def path(self, name: str) -> PurePosixPath:
        split, _, inner = name.partition("/")
        return PurePosixPath(f"{self.before}{split}{self.after}", self.below.path(inner))

    def match(self, parts: Sequence[str]) -> str | None:
        first, *others = parts or ("",)
        split = name_in(f"{first}/", self.before, f"{self.after}/")
        inner = self.below.match("/".join(others))
        return None if split is None or inner is None else f"{split}/{inner}"


def _is_above(split: str, path: PurePosixPath) -> bool:
    """Whether a part with ``{split}`` is a folder before those with ``{name}`` and ``**``."""
    places = [index for index, part in enumerate(path.parts) if split in part]
    others = [index for index, part in enumerate(path.parts) if NAME in part or part == DEEP]
    return len(places) == 1 and places[0] < min(others)


def own_names(
    pattern: FilePattern, every: Collection[FilePattern], tree: FileTree
) -> tuple[str, ...]:
    """The images of a pattern, without files that match another pattern more closely.

    ``{name}.png`` also matches ``0001_depth.png``; if ``{name}_depth.png`` is described too, the
    file is the depth of ``0001``.

    Args:
        pattern: The pattern.
        every: All patterns of the data set.
        tree: The files under its folder.
    """
    names = []
    for name, path in pattern.files(tree):
        file = tree.text(path)
        fits = (other.match(file) for other in every)
        if all(other is None or len(other) >= len(name) for other in fits):
            names.append(name)
    return tuple(names)
