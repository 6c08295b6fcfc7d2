"""Reading images, labels and arrays from files, and refusing unsuitable files.

Every reader takes one file and either returns numbers of the requested kind or raises a
:class:`~trainer.errors.DataError` of one line that names the file. Pictures are turned upright
according to their EXIF orientation.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label
from trainer.datasets.exif import turned
from trainer.datasets.headers import (
    ANY_NUMBERS,
    OTHER_COLOUR,
    array_shape,
    decoding,
    is_array,
    no_plane,
    open_image,
    orientation_to_turn,
    read_kind,
)
from trainer.datasets.misread import check_unsigned
from trainer.errors import DataError

__all__ = [
    "as_plane",
    "grey_image",
    "label_table",
    "number_ranges",
    "read_array",
    "read_integers",
    "read_label",
    "read_numbers",
    "read_palette_colours",
    "read_pixels",
    "read_rgb",
    "read_stored",
    "unit_range",
]


def read_rgb(path: Path, *, convert: bool = False) -> Image:
    """A colour image of 8 or (as PNG) 16 bits per channel, scaled by its largest possible value.

    Args:
        path: The file.
        convert: Whether to convert an 8-bit image of another kind (grey, palette, CMYK, with
            alpha); otherwise it is refused.

    Returns:
        Image with shape (h, w, 3), from 0 to 1: stored numbers divided by 255 or 65535.

    Raises:
        DataError: If the file cannot be decoded or is not a colour image.
    """
    if convert and read_kind(path) != (3, 16):
        with open_image(path) as image:
            if not image.mode.startswith(("I", "F")):
                return unit_range(_upright(image, image.convert("RGB")))
    return unit_range(read_integers(path, channels=3, bits=(8, 16)))


def read_pixels(path: Path) -> NDArray[np.generic]:
    """The stored numbers of an image, without interpretation; CMYK is converted to RGB.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with open_image(path) as image:
        other = image.mode in OTHER_COLOUR
        pixels = _upright(image, image.convert("RGB") if other else image)
        check_unsigned(path, image, pixels)
        return pixels


def read_integers(
    path: Path, *, channels: int, bits: tuple[int, ...] = (8,)
) -> NDArray[np.uint8 | np.uint16]:
    """The stored numbers of an image with the required number of channels and bits.

    16 bits per channel are preserved for one channel, and in PNG files also for three and four
    (Pillow alone returns 8 of them). The indices of a palette are one channel of 8 bits. Grey of
    1, 2 or 4 bits is returned as stored, where Pillow alone stretches it to 8 bits.

    Args:
        path: The file.
        channels: Required number of channels: 1, 3 (RGB) or 4 (RGBA).
        bits: Allowed bits per channel, of 1, 2, 4, 8 and 16.

    Returns:
        uint8 or uint16 with shape (h, w) for one channel, else (h, w, C).

    Raises:
        DataError: If the file cannot be decoded or has another kind of content.
    """
    found = _required_bits(path, channels=channels, bits=bits)
    return _read_any(path).astype(np.uint16 if found == 16 else np.uint8)


def read_numbers(path: Path) -> NDArray[np.generic]:
    """The plane of numbers in an image of 32 bits: int32 or float32 with shape (h, w).

    Raises:
        DataError: If the file cannot be decoded or has another kind of content.
    """
    _required_bits(path, channels=1, bits=(ANY_NUMBERS,))
    return _read_any(path)


def _required_bits(path: Path, *, channels: int, bits: tuple[int, ...]) -> int:
    """Bits per channel of an image, which must be among these."""
    kind = read_kind(path)
    if kind[0] != channels or kind[1] not in bits:
        raise DataError(
            f"{path} has {_kind_text(kind[0], str(kind[1]))} instead of"
            f" {_kind_text(channels, ' or '.join(map(str, bits)))}: give the"
            " original file, or convert it"
        )
    return kind[1]


def read_palette_colours(path: Path) -> NDArray[np.uint8]:
    """The colours of an image of one channel: those of its palette, or its grey three times.

    Returns:
        RGB with shape (h, w, 3), or RGBA if the palette has transparent entries.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with open_image(path) as image:
        mode = "RGBA" if "transparency" in image.info else "RGB"
        return _upright(image, image.convert(mode))


def read_stored(*paths: Path) -> NDArray[np.generic]:
    """The stored numbers of one or several files, without interpretation.

    Returns:
        Array with shape (h, w) or (h, w, C); C files with one plane each become C channels.

    Raises:
        DataError: If a file cannot be decoded, or they differ in size.
    """
    planes = [_read_any(path) for path in paths]
    if len(planes) == 1:
        return planes[0]
    with decoding(paths[0]):
        return np.stack(planes, axis=-1)


def _read_any(path: Path) -> NDArray[np.generic]:
    if is_array(path):
        return _load(path)
    channels, bits = read_kind(path)
    if channels in (3, 4) and bits == 16:
        return _read_wide_colour(path, channels)
    pixels = read_pixels(path)
    if channels == 1 and bits in (2, 4):
        unstretched: NDArray[np.generic] = pixels // (255 // (2**bits - 1))
        return unstretched
    return pixels


def read_array(path: Path) -> NDArray[np.float32]:
    """A plane of numbers in an ``.npy`` file.

    Returns:
        float32 with shape (h, w), all finite.

    Raises:
        DataError: If the file cannot be read, is not a plane of numbers, or has one that is not
            finite.
    """
    values = as_plane(path, _load(path))
    faults = np.argwhere(~np.isfinite(values))
    if len(faults):
        row, column = faults[0]
        raise DataError(
            f"{path} has {len(faults)} values that are not finite, the first in row {row}, column"
            f" {column}: fill them or remove the image"
        )
    return values


def as_plane(path: Path, stored: NDArray[np.generic]) -> NDArray[np.float32]:
    """Stored numbers as float32 with shape (h, w); numbers too large for it become infinite.

    Raises:
        DataError: If they are not a plane of numbers.
    """
    if stored.ndim != 2 or stored.dtype.kind not in "biuf":
        raise no_plane(path, stored.shape)
    with np.errstate(over="ignore"):  # callers check for numbers that are not finite
        return stored.astype(np.float32)


def label_table(classes: Mapping[int, int]) -> NDArray[np.int16]:
    """Lookup table of stored numbers for :func:`read_label`.

    Args:
        classes: Stored number to class, or to 255 for no class. All other numbers are refused.

    Returns:
        int16 with shape (256,), or longer if a stored number is larger; -1 for refused numbers.
    """
    table = np.full(max([255, *classes]) + 1, -1, dtype=np.int16)
    for stored, label in classes.items():
        table[stored] = label
    return table


def read_label(path: Path, table: NDArray[np.int16]) -> Label:
    """The classes of an 8-bit label image.

    Args:
        path: The file; of a palette image the indices are used, not the colours.
        table: From :func:`label_table`.

    Returns:
        Classes with shape (h, w), 255 for no class.

    Raises:
        DataError: If the file cannot be decoded, is not a label image, or has a number that
            the table refuses.
    """
    stored = read_integers(path, channels=1)
    classes = table[stored]  # has at least 256 entries
    if (classes < 0).any():
        row, column = np.argwhere(classes < 0)[0]
        raise DataError(
            f"{path} has the label {stored[row, column]} in row {row}, column {column}, but this"
            f" data set has only {number_ranges(np.flatnonzero(table >= 0))}: give the data set's"
            " own label files"
        )
    return classes.astype(np.uint8)


def unit_range(stored: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Stored numbers divided by the largest that their bits allow: from 0 to 1, one scale."""
    return stored.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)


def grey_image(values: NDArray[np.float32]) -> Image:
    """Values from 0 to 1 with shape (h, w) as a grey image: the same in three channels."""
    return np.repeat(values[:, :, None], 3, axis=2)


def _upright(opened: PIL.Image.Image, pixels: PIL.Image.Image) -> NDArray[Any]:
    """The pixels of an opened file, after conversion, turned upright as the file says."""
    stored = np.asarray(pixels)
    return np.ascontiguousarray(turned(stored, orientation_to_turn(opened, late=True)))


def _read_wide_colour(path: Path, channels: int) -> NDArray[np.uint8 | np.uint16]:
    """All 16 bits of an RGB or RGBA PNG.

    Pillow keeps only one byte of each channel: the first if the raw mode says that the high byte
    is first, and the second otherwise. So both are decoded.
    """
    high = read_pixels(path).astype(np.uint16)
    with open_image(path) as image:
        if image.format != "PNG":
            raise DataError(
                f"{path} has colours of 16 bits, which can only be read from PNG files: save it as"
                " PNG or .npy"
            )
        assert len(image.mode) == channels, image.mode
        image.tile = [image.tile[0]._replace(args=f"{image.mode};16L")]
        low = _upright(image, image)
    both: NDArray[np.uint8 | np.uint16] = (high << 8) | low
    return both


def _kind_text(channels: int, bits: str) -> str:
    return f"{channels} channel{'' if channels == 1 else 's'} of {bits} bits"


def number_ranges(numbers: NDArray[np.int64]) -> str:
    """Ascending numbers as text: ``0 to 8, 255``."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(
        f"{group[0]} to {group[-1]}" if len(group) > 1 else str(group[0]) for group in groups
    )


def _load(path: Path) -> NDArray[Any]:
    array_shape(path)  # refuses an archive by its header, because NumPy would open it
    with decoding(path):
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array
