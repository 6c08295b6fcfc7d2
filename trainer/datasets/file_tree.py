"""The files under a data set's root, found by name; each folder is listed once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainer.datasets.names import composed, fold, is_litter, text_of
from trainer.errors import DataError

__all__ = ["FileTree"]


@dataclass
class _Listing:
    """One folder."""

    #: Normalised name to the files that have it in any spelling.
    files: dict[str, list[Path]] = field(default_factory=dict)
    #: Composed name to the folders that have it.
    folders: dict[str, list[Path]] = field(default_factory=dict)


class FileTree:
    """Finds files regardless of the case of their extension and the encoding of accents."""

    def __init__(self, root: Path) -> None:
        """Create the tree; folders are listed later.

        Args:
            root: Folder that contains all paths.
        """
        self.root = root
        self._listings: dict[Path, _Listing] = {}

    def find(self, path: Path) -> Path | None:
        """The file or broken link at a path; None if there is none.

        Args:
            path: A path under the root; any other one has no file.

        Raises:
            DataError: If two files match, or a folder cannot be listed.
        """
        place = self.folder(path.parent)
        if place is None:
            return None
        found = sorted(self._listing(place).files.get(fold(path.name), []))
        if len(found) > 1:
            raise DataError(
                f"{found[0]} and {found[1]} have the same name apart from the case or form of the"
                " extension or accents: keep one of them"
            )
        return found[0] if found else None

    def files(self, folder: Path, *, deep: bool) -> Iterator[Path]:
        """The files in a folder under the root, without hidden ones, sorted by path.

        Args:
            folder: The folder; a missing one has no files.
            deep: Whether to include the files in its subfolders.

        Raises:
            DataError: If a folder cannot be listed.
        """
        place = self.folder(folder)
        if place is not None:
            yield from self._walk(place, deep=deep, above=())

    def folder(self, path: Path) -> Path | None:
        """The folder at a path under the root; None if there is none, and for any other path.

        Raises:
            DataError: If a folder cannot be listed.
        """
        if not path.is_relative_to(self.root):
            return None
        place: Path | None = self.root
        for part in path.relative_to(self.root).parts:
            place = self._folder(place, part) if place else None
        return place

    def folders(self, folder: Path) -> tuple[Path, ...]:
        """The subfolders of a folder under the root, without hidden ones."""
        place = self.folder(folder)
        inner = self._listing(place).folders.values() if place else ()
        return tuple(path for paths in inner for path in sorted(paths) if not is_litter(path.name))

    def text(self, path: Path) -> str:
        """A found path, relative to the root, as a list in UTF-8 would spell it."""
        return text_of(path.relative_to(self.root).as_posix())

    def _walk(self, place: Path, *, deep: bool, above: tuple[Path, ...]) -> Iterator[Path]:
        listing = self._listing(place)
        paths = [path for paths in listing.files.values() for path in paths]
        yield from (path for path in sorted(paths) if not is_litter(path.name))
        if not deep:
            return
        above = (*above, place.resolve())
        for inner in sorted(path for paths in listing.folders.values() for path in paths):
            # a link to a parent folder would never end
            if not is_litter(inner.name) and inner.resolve() not in above:
                yield from self._walk(inner, deep=True, above=above)

    def _folder(self, place: Path, part: str) -> Path | None:
        found = self._listing(place).folders.get(composed(part), [])
        exact = [path for path in found if text_of(path.name) == part]
        return next(iter(exact or found), None)

    def _listing(self, place: Path) -> _Listing:
        if place not in self._listings:
            self._listings[place] = _list(place)
        return self._listings[place]


def _list(place: Path) -> _Listing:
    listing = _Listing()
    if not place.is_dir():
        return listing
    try:
        with os.scandir(place) as entries:  # knows which entries are folders
            for entry in entries:
                name, path = text_of(entry.name), place / entry.name
                if entry.is_dir():
                    listing.folders.setdefault(composed(name), []).append(path)
                else:
                    listing.files.setdefault(fold(name), []).append(path)
    except OSError as error:
        raise DataError(
            f"cannot list the folder {place} ({error.strerror}): fix its permissions"
        ) from error
    return listing
