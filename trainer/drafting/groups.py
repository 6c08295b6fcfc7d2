"""The pictures of a folder in groups of one kind, with the patterns that may describe each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path, PurePosixPath

from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import DEEP, NAME, SPECIAL, SPLIT, FilePattern
from trainer.datasets.names import USUAL, composed
from trainer.drafting.words import (
    LABEL,
    RGB,
    Affix,
    find_affix,
    find_split,
    kind_in,
    merge_kinds,
)

__all__ = ["Group", "find_groups"]

Folders = tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    """Where a file is: its folders above, at and below the one that says its kind."""

    file: str
    above: Folders
    own: Folders
    below: Folders
    stem: str

    def moved(self, level: int) -> "_Place":
        """The same, with a folder below as the one that says the kind."""
        return replace(
            self,
            above=self.above + self.own + self.below[:level],
            own=self.below[level:][:1],
            below=self.below[level + 1 :],
        )


@dataclass(frozen=True, eq=False)  # each is itself: there is no need to compare files
class Group:
    """Files of one kind that are named alike."""

    #: What names of folders and files say; None where they say nothing.
    kind: str | None
    #: Words at the ends of the stems that say it.
    affix: Affix
    #: Extension in small letters, in its usual spelling.
    extension: str
    places: tuple[_Place, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Paths under the root, in order."""
        return tuple(place.file for place in self.places)

    @property
    def title(self) -> str:
        """What to call the group where nothing says its kind: its folder, or its ending."""
        own = self.places[0].own or self.places[0].above[:1]
        said = "_".join((*own, self.affix.before or self.affix.after))
        return said.replace(SPLIT, "").strip("_-. ") or "image"

    def by_folder(self) -> tuple["Group", ...]:
        """The same files in a group for each folder, at the first level where folders differ."""
        level = len(_shared_start([place.below for place in self.places]))
        parts: dict[Folders, list[_Place]] = {}
        for place in _splits_joined([place.moved(level) for place in self.places]):
            parts.setdefault(place.own, []).append(place)
        return tuple(replace(self, places=tuple(places)) for places in parts.values())

    @cached_property
    def patterns(self) -> dict[str, dict[str, str]]:
        """Patterns that take every file, the simplest first: image's name to file of each."""
        found: dict[str, dict[str, str]] = {}
        for text in dict.fromkeys(self._texts()):
            pattern = FilePattern(text)
            names = {pattern.match(file): file for file in self.files}
            if None not in names and len(names) == len(self.files):
                found[text] = {composed(str(name)): file for name, file in names.items()}
        return found

    def _texts(self) -> Iterable[str]:
        if self.affix.is_whole:
            above = [(*place.above, *place.own, *place.below)[:-1] for place in self.places]
            if len(set(above)) == 1:
                yield "/".join((*above[0], NAME, f"{self.affix.before}{self.extension}"))
            return
        shared = _shared_ends([place.stem for place in self.places])
        for before, after in dict.fromkeys([(self.affix.before, self.affix.after), shared]):
            if set(SPECIAL) & set(before + after):
                continue
            for folder in self._folders():
                yield "/".join((*folder, f"{before}{NAME}{after}{self.extension}"))

    def _folders(self) -> Iterable[Folders]:
        own = self.places[0].own
        above = {place.above for place in self.places}
        below = {place.below for place in self.places}
        if len(above) == 1:
            fixed = (*next(iter(above)), *own)
            if len(below) == 1:
                yield (*fixed, *next(iter(below)))
            yield (*fixed, DEEP)
        if len(below) == 1 and own:
            inner = (*own, *next(iter(below)))
            start = _shared_start(list(above))
            for length in range(len(start), -1, -1):
                yield (*start[:length], DEEP, *inner)


def find_groups(tree: FileTree) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Group the pictures under a root.

    Returns:
        The groups in order of their files, and the files that no reader opens.

    Raises:
        DataError: If a folder cannot be listed.
    """
    groups: dict[tuple[object, ...], list[_Place]] = {}
    files = [tree.text(path) for path in tree.files(tree.root, deep=True)]
    strange = [file for file in files if _extension(file) is None]
    places = _splits_joined([_place(file) for file in files if _extension(file) is not None])
    affixes = [find_affix(place.stem) for place in places]
    meaningless = _shared_affixes(places, affixes)
    for place, said in zip(places, affixes, strict=True):
        affix, extension = Affix() if said in meaningless else said, _extension(place.file)
        kinds = [kind for text in place.own if (kind := kind_in(text))]
        if kinds == [RGB] and any(kind_in(text) == LABEL for text in place.above):
            kinds = [LABEL]
        if affix.kind is not None:
            kinds.append(affix.kind)
        key = (merge_kinds(kinds), place.own, affix, extension)
        groups.setdefault(key, []).append(place)
    found = [Group(*_head(key), tuple(places)) for key, places in groups.items()]
    return tuple(found), tuple(strange)


def _extension(file: str) -> str | None:
    """The usual spelling of a file's extension; None if no reader opens such files."""
    return USUAL.get(PurePosixPath(file).suffix.lower())


def _shared_affixes(places: Sequence[_Place], affixes: Sequence[Affix]) -> set[Affix]:
    """Words in the names of files that folders of several kinds share: they say nothing."""
    folders: dict[Affix, set[Folders]] = {}
    for place, affix in zip(places, affixes, strict=True):
        if affix.kind is not None:
            folders.setdefault(affix, set()).add(place.own)
    kinds = {
        affix: {kind for own in found for text in own if (kind := kind_in(text))}
        for affix, found in folders.items()
    }
    return {affix for affix, found in kinds.items() if len(found) > 1}


def _splits_joined(places: Sequence[_Place]) -> list[_Place]:
    """The places, where folders such as ``train_rgb`` and ``val_rgb`` are one ``{split}_rgb``."""
    joined = {place.own: _with_split(place.own) for place in places}
    words: dict[tuple[Folders, Folders], set[Folders]] = {}
    for place in places:
        words.setdefault((place.above, joined[place.own]), set()).add(place.own)
    return [
        replace(place, own=joined[place.own])
        if len(words[place.above, joined[place.own]]) > 1
        else place
        for place in places
    ]


def _with_split(folders: Folders) -> Folders:
    """A folder's name with ``{split}`` for the word of a split that is part of it."""
    found = find_split(folders[0]) if folders else None
    if found is None:
        return folders
    start, end = found
    return (f"{folders[0][:start]}{SPLIT}{folders[0][end:]}",)


def _head(key: tuple[object, ...]) -> tuple[str | None, Affix, str]:
    kind, _, affix, extension = key
    assert isinstance(affix, Affix) and (kind is None or isinstance(kind, str))
    return kind, affix, str(extension)


def _place(file: str) -> _Place:
    *folders, name = PurePosixPath(file).parts
    index = next((i for i in reversed(range(len(folders))) if kind_in(folders[i])), None)
    parts = tuple(folders)
    if index is None:
        return _Place(file, (), (), parts, _stem(PurePosixPath(name)))
    stem = _stem(PurePosixPath(name))
    return _Place(file, parts[:index], parts[index : index + 1], parts[index + 1 :], stem)


def _stem(path: Path | PurePosixPath) -> str:
    return path.name.removesuffix(path.suffix)


def _shared_start(parts: Sequence[Folders]) -> Folders:
    return parts[0][: _count_shared(parts)]


def _shared_ends(stems: Sequence[str]) -> tuple[str, str]:
    """What all stems begin with and end in, without the digits of numbers."""
    if len(stems) < 2:
        return "", ""
    before = stems[0][: _count_shared(stems)].rstrip("0123456789")
    rest = [stem[len(before) :][::-1] for stem in stems]
    after = rest[0][: _count_shared(rest)][::-1].lstrip("0123456789")
    return before, after


def _count_shared(parts: Sequence[Sequence[str]]) -> int:
    """How many items all sequences begin with."""
    columns = zip(*parts, strict=False)  # as long as the shortest
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
