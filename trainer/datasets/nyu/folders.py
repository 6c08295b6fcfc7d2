"""Where the files of an NYU-Depth-v2 copy lie: folders and extensions go by several names."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.datasets.lists import read_list
from trainer.datasets.names import composed, is_litter
from trainer.errors import DataError

__all__ = ["Kind", "Stock", "find_stock", "frame_name", "read_frames", "require_stock"]

Kind = Literal["RGB", "HHA", "Depth", "Label"]

#: Kind to the folder names it goes by, in small letters, and its files' extensions.
KNOWN: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "RGB": (("rgb",), (".jpg", ".jpeg", ".png")),
    "HHA": (("hha",), (".png", ".jpg", ".jpeg")),
    "Depth": (("depth",), (".npy", ".png")),
    "Label": (("label", "labels"), (".png",)),
}


@dataclass(frozen=True, kw_only=True)
class Stock:
    """One kind of files, all in one folder."""

    kind: Kind
    folder: Path
    #: Name of a frame to its file.
    files: dict[str, Path]

    def path(self, name: str) -> Path:
        """The file of a frame; for one without, where it would be."""
        return self.files.get(composed(name)) or self.folder / f"{name}{KNOWN[self.kind][1][0]}"

    def paths(self, name: str) -> tuple[Path, ...]:
        """The same as the files that make an image together."""
        return (self.path(name),)


def find_stock(root: Path, kind: Kind) -> Stock | None:
    """The files of a kind; None if there is no folder for it.

    Raises:
        DataError: If two folders could be meant, or two files for one frame.
    """
    names, extensions = KNOWN[kind]
    folders = sorted(
        path for path in root.iterdir() if path.name.lower() in names and path.is_dir()
    )
    if len(folders) > 1:
        raise DataError(
            f"{folders[0]} and {folders[1]} could both hold the {kind} files: keep one of them"
        )
    if not folders:
        return None
    files: dict[str, Path] = {}
    for path in sorted(folders[0].iterdir()):
        if path.suffix.lower() not in extensions or is_litter(path.name):
            continue
        twin = files.setdefault(composed(path.stem), path)
        if twin != path:
            raise DataError(f"{twin} and {path} are two files for one frame: keep one of them")
    return Stock(kind=kind, folder=folders[0], files=files)


def require_stock(root: Path, kind: Kind) -> Stock:
    """The same, but a folder that is not there is refused.

    Raises:
        DataError: If there is no folder for the kind, or as :func:`find_stock` does.
    """
    stock = find_stock(root, kind)
    if stock is None:
        raise DataError(f"{root} has no folder {kind}: give the data set's root folder")
    return stock


def read_frames(path: Path) -> tuple[str, ...]:
    """The frames that a split file names: ``0001``, ``0001.png``, ``RGB/1.jpg Label/1.png``.

    Raises:
        DataError: If the file cannot be read, names nothing, or names a frame twice.
    """
    names = tuple(frame_name(_first(line)) for line in read_list(path))
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(
                f"{path} names the frame {name!r} {count} times: keep one of the lines"
            )
    return names


def _first(line: str) -> str:
    """What a line names first; where tabs part it, a name may have blanks."""
    return line.partition("\t")[0].strip() if "\t" in line else line.split()[0]


def frame_name(text: str) -> str:
    """The frame that a path, a file name or a bare name means."""
    name = text.replace("\\", "/").rpartition("/")[2]
    endings = {ending for _, extensions in KNOWN.values() for ending in extensions}
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending.lower()}" in endings else name
