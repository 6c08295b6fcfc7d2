"""Images and labels in files: decoding them, and refusing what does not fit.

Pillow raises several kinds of errors on damaged files; they become a
:class:`~trainer.errors.DataError` here and nowhere else.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label
from trainer.errors import DataError

__all__ = ["FileSource", "list_files", "read_pixels", "read_rgb"]

#: Up to this many images every file is decoded by a check; beyond, the first image's files are
#: and of the others only the headers are read.
DECODED_BY_CHECK = 500


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """A source whose images and labels are one file each."""

    #: Modality to image name to file.
    images: Mapping[str, Mapping[str, Path]]
    #: Image name to label file; a name without one has no label.
    labels: Mapping[str, Path]
    #: Modality to what reads a file of it.
    read_image: Mapping[str, Callable[[Path], Image]]
    #: What reads a label file.
    read_label: Callable[[Path], Label]

    def image(self, name: str, modality: str) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.read_image[modality](self.images[modality][name])

    def label(self, name: str) -> Label:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.read_label(self.labels[name])

    def files(self) -> tuple[Path, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        paths = [path for by_name in self.images.values() for path in by_name.values()]
        return tuple(sorted([*paths, *self.labels.values()]))

    def check(self) -> None:
        """Sizes of all files; the pixels of all where there are few images, else of the first."""
        names = list(next(iter(self.images.values())))
        for name in names:
            self._check_sizes(name)
        for name in names if len(names) <= DECODED_BY_CHECK else names[:1]:
            for modality in self.images:
                self.image(name, modality)
            if name in self.labels:
                self.label(name)

    def _check_sizes(self, name: str) -> None:
        paths = [by_name[name] for by_name in self.images.values()]
        if name in self.labels:
            paths.append(self.labels[name])
        first, size = paths[0], _read_size(paths[0])
        for path in paths[1:]:
            other = _read_size(path)
            if other != size:
                raise DataError(
                    f"{path} is {other[0]} x {other[1]} pixels but its image {first} is"
                    f" {size[0]} x {size[1]}: bring them to one size or remove both"
                )


def list_files(folder: Path, *, suffix: str) -> dict[str, Path]:
    """Files in the folders of a folder, by their name without the suffix, in order of paths.

    Hidden files, which some systems put beside every file they copy, are none of them.

    Raises:
        DataError: If the folder is missing.
    """
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist: give the data set's root folder")
    found = (path for path in folder.glob(f"*/*{suffix}") if not path.name.startswith("."))
    return {path.name.removesuffix(suffix): path for path in sorted(found)}


def read_rgb(path: Path) -> Image:
    """A colour image, from 0 to 1.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with _decoding(path), PIL.Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float32) / np.float32(255)


def read_pixels(path: Path) -> NDArray[np.generic]:
    """The stored numbers of an image, whatever they mean.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with _decoding(path), PIL.Image.open(path) as image:
        return np.asarray(image)


def _read_size(path: Path) -> tuple[int, int]:
    with _decoding(path), PIL.Image.open(path) as image:
        return image.size


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError(
            f"cannot decode the image {path}: {_one_line(error)}; fetch it again or remove it"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
