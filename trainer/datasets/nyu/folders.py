"""Files of an NYU-Depth-v2 copy: folders and extensions have several possible names."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.datasets.lists import read_list
from trainer.datasets.names import composed, is_litter
from trainer.errors import DataError

__all__ = ["FrameFiles", "Kind", "find_files", "frame_name", "read_frames", "require_files"]

Kind = Literal["RGB", "HHA", "Depth", "Label"]

#: Kind to its possible folder names, in lower case, and its files' extensions.
KNOWN: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "RGB": (("rgb",), (".jpg", ".jpeg", ".png")),
    "HHA": (("hha",), (".png", ".jpg", ".jpeg")),
    "Depth": (("depth",), (".npy", ".png")),
    "Label": (("label", "labels"), (".png",)),
}


@dataclass(frozen=True, kw_only=True)
class FrameFiles:
    """One kind of files, all in one folder."""

    kind: Kind
    folder: Path
    #: Name of a frame to its file.
    files: dict[str, Path]

    def path(self, name: str) -> Path:
        """The file of a frame; if it is missing, its expected path."""
        return self.files.get(composed(name)) or self.folder / f"{name}{KNOWN[self.kind][1][0]}"

    def paths(self, name: str) -> tuple[Path, ...]:
        """The same as a tuple of the files of one image."""
        return (self.path(name),)


def find_files(root: Path, kind: Kind) -> FrameFiles | None:
    """The files of one kind; None if there is no folder for it.

    Raises:
        DataError: If two folders, or two files of one frame, match.
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
    return FrameFiles(kind=kind, folder=folders[0], files=files)


def require_files(root: Path, kind: Kind) -> FrameFiles:
    """Like :func:`find_files`, but a missing folder is refused.

    Raises:
        DataError: If there is no folder for the kind, or as in :func:`find_files`.
    """
    stock = find_files(root, kind)
    if stock is None:
        raise DataError(f"{root} has no folder {kind}: give the data set's root folder")
    return stock


def read_frames(path: Path) -> tuple[str, ...]:
    """The frames in a split file: ``0001``, ``0001.png``, ``RGB/1.jpg Label/1.png``.

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
    """The first name in a line; names may contain blanks if tabs separate them."""
    return line.partition("\t")[0].strip() if "\t" in line else line.split()[0]


def frame_name(text: str) -> str:
    """The frame for a path, a file name or a plain name."""
    name = text.replace("\\", "/").rpartition("/")[2]
    endings = {ending for _, extensions in KNOWN.values() for ending in extensions}
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending.lower()}" in endings else name
