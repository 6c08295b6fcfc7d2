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

    #: What is the same for all spellings of a name, to the files that have it.
    files: dict[str, list[Path]] = field(default_factory=dict)
    #: Composed name to the folders that have it.
    folders: dict[str, list[Path]] = field(default_factory=dict)


class FileTree:
    """Finds files whatever the case of their extension and the form of their accents."""

    def __init__(self, root: Path) -> None:
        """Look at nothing yet.

        Args:
            root: What all paths lie under.
        """
        self.root = root
        self._listings: dict[Path, _Listing] = {}

    def find(self, path: Path) -> Path | None:
        """The file or broken link that a path means; None where there is none.

        Args:
            path: A path under the root.

        Raises:
            DataError: If two files could be meant, or a folder cannot be listed.
        """
        *folders, name = path.relative_to(self.root).parts
        place: Path | None = self.root
        for part in folders:
            place = self._folder(place, part) if place else None
        if place is None:
            return None
        found = sorted(self._listing(place).files.get(fold(name), []))
        if len(found) > 1:
            raise DataError(
                f"{found[0]} and {found[1]} are two files of one name, for extensions in any"
                " case and their usual forms are the same: keep one of them"
            )
        return found[0] if found else None

    def files(self, folder: Path, *, deep: bool) -> Iterator[Path]:
        """The files in a folder under the root, without hidden ones, in order of paths.

        Args:
            folder: The folder; one that is not there has none.
            deep: Whether those in its folders are among them.

        Raises:
            DataError: If a folder cannot be listed.
        """
        place = self.folder(folder)
        if place is not None:
            yield from self._walk(place, deep=deep, above=())

    def folder(self, path: Path) -> Path | None:
        """The folder that a path under the root means; None where there is none.

        Raises:
            DataError: If a folder cannot be listed.
        """
        place: Path | None = self.root
        for part in path.relative_to(self.root).parts:
            place = self._folder(place, part) if place else None
        return place

    def folders(self, folder: Path) -> tuple[Path, ...]:
        """The folders in a folder under the root, without hidden ones."""
        place = self.folder(folder)
        inner = self._listing(place).folders.values() if place else ()
        return tuple(path for paths in inner for path in sorted(paths) if not is_litter(path.name))

    def text(self, path: Path) -> str:
        """A path that was found, under the root, as a list in UTF-8 would have it."""
        return text_of(path.relative_to(self.root).as_posix())

    def _walk(self, place: Path, *, deep: bool, above: tuple[Path, ...]) -> Iterator[Path]:
        listing = self._listing(place)
        paths = [path for paths in listing.files.values() for path in paths]
        yield from (path for path in sorted(paths) if not is_litter(path.name))
        if not deep:
            return
        above = (*above, place.resolve())
        for inner in sorted(path for paths in listing.folders.values() for path in paths):
            # a link to a folder above would have no end
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
        with os.scandir(place) as entries:  # says what is a folder without asking for each
            for entry in entries:
                name, path = text_of(entry.name), place / entry.name
                if entry.is_dir():
                    listing.folders.setdefault(composed(name), []).append(path)
                else:
                    listing.files.setdefault(fold(name), []).append(path)
    except OSError as error:
        raise DataError(
            f"cannot list the folder {place} ({error.strerror}): mend its permissions"
        ) from error
    return listing
