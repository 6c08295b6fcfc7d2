"""Images, labels and arrays from files, and refusing what does not fit.

Every reader takes one file and either gives numbers of the kind that was asked for or raises
a :class:`~trainer.errors.DataError` of one line that names the file. Pictures come out as their
EXIF orientation says. Pillow and NumPy raise
several kinds of errors on damaged files; they are turned into that here and nowhere else.

Shape letters: H W pixels, C channels.
"""

import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label
from trainer.datasets.exif import (
    TURNED_BY_PILLOW,
    UPRIGHT,
    orientation_of,
    turned,
    upright_size,
)
from trainer.errors import DataError

__all__ = [
    "ARRAY",
    "grey_image",
    "is_array",
    "label_table",
    "read_array",
    "read_integers",
    "read_label",
    "read_orientation",
    "read_pixels",
    "read_rgb",
    "read_size",
    "read_stored",
    "unit_range",
]

ARRAY = ".npy"
#: What a PNG that holds EXIF tags has somewhere, whoever wrote it.
TAG_MARKS = (b"eXIf", b"Raw profile type exif", b"tiff:Orientation")


def read_rgb(path: Path, *, convert: bool = False) -> Image:
    """A colour image of 8 or (as PNG) 16 bits a channel, on the fixed scale of its bits.

    Args:
        path: The file.
        convert: Whether an 8-bit image of another kind (grey, palette, CMYK, with alpha) is
            converted; without, it is refused.

    Returns:
        Image with shape (H, W, 3), from 0 to 1: stored numbers over 255 or over 65535.

    Raises:
        DataError: If the file cannot be decoded or is no colour image.
    """
    if convert and _read_kind(path) != (3, 16):
        with _decoding(path), PIL.Image.open(path) as image:
            if not image.mode.startswith(("I", "F")):
                return unit_range(_upright(image, image.convert("RGB")))
    return unit_range(read_integers(path, channels=3, bits=(8, 16)))


def read_pixels(path: Path) -> NDArray[np.generic]:
    """The stored numbers of an image, whatever they mean.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with _decoding(path), PIL.Image.open(path) as image:
        return _upright(image, image)


def read_integers(
    path: Path, *, channels: int, bits: tuple[int, ...] = (8,)
) -> NDArray[np.uint8 | np.uint16]:
    """The stored numbers of an image that has to have so many channels of so many bits.

    16 bits a channel are kept for one channel, and in PNG files for three as well (Pillow alone
    gives 8 of them). The indices of a palette are one channel of 8 bits.

    Args:
        path: The file.
        channels: 1, 3 (RGB) or 4 (RGBA), as they must be.
        bits: What each channel may have: 8, 16 or both.

    Returns:
        uint8 or uint16 with shape (H, W) for one channel, else (H, W, C).

    Raises:
        DataError: If the file cannot be decoded or holds another kind of image.
    """
    kind = _read_kind(path)
    if kind[0] != channels or kind[1] not in bits:
        raise DataError(
            f"{path} has {_kind_text(kind[0], str(kind[1]))}, where"
            f" {_kind_text(channels, ' or '.join(map(str, bits)))} should be: give the"
            " original file, or convert it"
        )
    if kind == (3, 16):
        return _read_wide_rgb(path)
    return read_pixels(path).astype(np.uint8 if kind[1] == 8 else np.uint16)


def read_stored(*paths: Path) -> NDArray[np.generic]:
    """The numbers of one or several files as they are stored, whatever they mean.

    Returns:
        Array with shape (H, W) or (H, W, C); several files of one plane each are C channels.

    Raises:
        DataError: If a file cannot be decoded, or they differ in size.
    """
    planes = [_read_any(path) for path in paths]
    if len(planes) == 1:
        return planes[0]
    with _decoding(paths[0]):
        return np.stack(planes, axis=-1)


def _read_any(path: Path) -> NDArray[np.generic]:
    if is_array(path):
        return _load(path)
    return _read_wide_rgb(path) if _read_kind(path) == (3, 16) else read_pixels(path)


def read_array(path: Path) -> NDArray[np.float32]:
    """A plane of numbers in an ``.npy`` file.

    Returns:
        float32 with shape (H, W), every one finite.

    Raises:
        DataError: If the file cannot be read, is no plane of numbers, or one is not finite.
    """
    array = _load(path)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise _no_plane(path, array.shape)
    with np.errstate(over="ignore"):  # told just below
        values = array.astype(np.float32)
    faults = np.argwhere(~np.isfinite(values))
    if len(faults):
        row, column = faults[0]
        raise DataError(
            f"{path} has {len(faults)} values that are not finite, the first in row {row}, column"
            f" {column}: fill them or remove the image"
        )
    return values


def label_table(classes: Mapping[int, int]) -> NDArray[np.int16]:
    """What :func:`read_label` looks stored numbers up in.

    Args:
        classes: Stored number to class, or to 255 where it stands for none. Every other number
            is refused.

    Returns:
        int16 with shape (256,), -1 for a number that is refused.
    """
    table = np.full(256, -1, dtype=np.int16)
    for stored, label in classes.items():
        table[stored] = label
    return table


def read_label(path: Path, table: NDArray[np.int16]) -> Label:
    """The classes of an 8-bit label image.

    Args:
        path: The file; a palette's indices count, not its colours.
        table: From :func:`label_table`.

    Returns:
        Classes with shape (H, W), 255 where there is none.

    Raises:
        DataError: If the file cannot be decoded, is no label image, or holds a number that the
            table refuses.
    """
    stored = read_integers(path, channels=1)
    classes = table[stored]
    if (classes < 0).any():
        row, column = np.argwhere(classes < 0)[0]
        raise DataError(
            f"{path} has the label {stored[row, column]} in row {row}, column {column}, which is"
            f" none of this data set's ({_ranges(np.flatnonzero(table >= 0))}): give its own"
            " label files"
        )
    return classes.astype(np.uint8)


def unit_range(stored: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Stored numbers over the largest that their bits can hold: from 0 to 1, one fixed scale."""
    return stored.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)


def grey_image(values: NDArray[np.float32]) -> Image:
    """Values from 0 to 1 with shape (H, W) as a grey image: the same in three channels."""
    return np.repeat(values[:, :, None], 3, axis=2)


def is_array(path: Path) -> bool:
    """Whether a file holds an array rather than an image."""
    return path.suffix.lower() == ARRAY


def _upright(opened: PIL.Image.Image, pixels: PIL.Image.Image) -> NDArray[Any]:
    """The pixels of a file, or of what it was converted to, turned as the file says."""
    stored = np.asarray(pixels)
    return np.ascontiguousarray(turned(stored, _to_turn(opened, late=True)))


def _to_turn(opened: PIL.Image.Image, *, late: bool = False) -> int:
    if opened.format in TURNED_BY_PILLOW:
        return UPRIGHT
    return orientation_of(opened, late=late)


def _read_wide_rgb(path: Path) -> NDArray[np.uint8 | np.uint16]:
    """All 16 bits of an RGB PNG.

    Pillow keeps the first of a channel's two bytes where it is told that the first is the higher
    one, and the second where it is told the contrary: it is asked for both.
    """
    high = read_pixels(path).astype(np.uint16)
    with _decoding(path), PIL.Image.open(path) as image:
        if image.format != "PNG":
            raise ValueError("16-bit colour is read from PNG files alone")
        image.tile = [image.tile[0]._replace(args="RGB;16L")]
        low = _upright(image, image)
    both: NDArray[np.uint8 | np.uint16] = (high << 8) | low
    return both


def _read_kind(path: Path) -> tuple[int, int]:
    """Channels of an image and bits a channel."""
    with _decoding(path), PIL.Image.open(path) as image:
        channels = len(image.getbands())
        if image.mode in ("I", "F"):
            return channels, 32
        if image.mode in ("P", "PA"):
            return channels, 8
        # how the file stores its pixels, such as RGB;16B; 8 bits are not said
        stored = str(image.tile[0].args) if image.tile else image.mode
        said = re.search(r";(\d+)", stored)
        return channels, 1 if image.mode == "1" else int(said[1]) if said else 8


def _kind_text(channels: int, bits: str) -> str:
    return f"{channels} channel{'' if channels == 1 else 's'} of {bits} bits"


def _ranges(numbers: NDArray[np.int64]) -> str:
    """Ascending numbers as text: ``0 to 8, 255``."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(
        f"{group[0]} to {group[-1]}" if len(group) > 1 else str(group[0]) for group in groups
    )


def _load(path: Path) -> NDArray[Any]:
    _array_shape(path)  # an archive is refused by its header: NumPy would open it
    with _decoding(path):
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _array_shape(path: Path) -> tuple[int, ...]:
    """From the header alone."""
    with _decoding(path), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape: tuple[int, ...] = np.lib.format.read_array_header_1_0(file)[0]
        else:
            shape = np.lib.format.read_array_header_2_0(file)[0]
        return shape


def _no_plane(path: Path, shape: tuple[int, ...]) -> DataError:
    return DataError(f"{path} is no array of height x width numbers but {shape}: mend the file")


def read_size(path: Path, *, late: bool = False) -> tuple[int, int]:
    """Width and height as they are to be seen, pixels; of an image only the header is read.

    Args:
        path: The file.
        late: Whether to look for an EXIF orientation behind the pixels of a PNG as well.

    Raises:
        DataError: If the file cannot be decoded.
    """
    if is_array(path):
        shape = _array_shape(path)
        if len(shape) != 2:
            raise _no_plane(path, shape)
        return shape[1], shape[0]
    with _decoding(path), PIL.Image.open(path) as image:
        return upright_size(image.size, _to_turn(image, late=late and _has_tags(path)))


def read_orientation(path: Path, *, late: bool = False, ours: bool = False) -> int:
    """The EXIF orientation of a file, 1 to 8; 1 (upright) where there is none.

    Args:
        path: The file.
        late: Whether to look behind the pixels of a PNG as well.
        ours: Whether only what is turned here counts, not what Pillow turns by itself.

    Raises:
        DataError: If the file cannot be decoded.
    """
    if is_array(path):
        return UPRIGHT
    with _decoding(path), PIL.Image.open(path) as image:
        late = late and _has_tags(path)
        return _to_turn(image, late=late) if ours else orientation_of(image, late=late)


def _has_tags(path: Path) -> bool:
    """Whether a file may have an orientation anywhere; tells without decoding."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in TAG_MARKS)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        EOFError,
        SyntaxError,
        ValueError,
        PIL.Image.DecompressionBombError,
    ) as error:
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path} is a link to nothing: mend the link, or remove it") from error
        what = "array" if is_array(path) else "image"
        raise DataError(
            f"cannot decode the {what} {path}: {_one_line(error)}; fetch it again or remove it"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
