"""Images, labels and arrays from files, and refusing what does not fit.

Every reader takes one file and either gives numbers of the kind that was asked for or raises
a :class:`~trainer.errors.DataError` of one line that names the file. Pillow and NumPy raise
several kinds of errors on damaged files; they are turned into that here and nowhere else.

Letters of shapes: ``docs/architecture.md``.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label
from trainer.errors import DataError

__all__ = [
    "ARRAY",
    "as_plane",
    "grey_image",
    "label_table",
    "number_ranges",
    "read_array",
    "read_integers",
    "read_kind",
    "read_label",
    "read_palette_colours",
    "read_pixels",
    "read_rgb",
    "read_size",
    "read_stored",
    "unit_range",
]

ARRAY = ".npy"


def read_rgb(path: Path, *, convert: bool = False) -> Image:
    """A colour image of 8 or (as PNG) 16 bits a channel, on the fixed scale of its bits.

    Args:
        path: The file.
        convert: Whether an 8-bit image of another kind (grey, palette, CMYK, with alpha) is
            converted; without, it is refused.

    Returns:
        Image with shape (h, w, 3), from 0 to 1: stored numbers over 255 or over 65535.

    Raises:
        DataError: If the file cannot be decoded or is no colour image.
    """
    if convert and read_kind(path) != (3, 16):
        with _decoding(path), PIL.Image.open(path) as image:
            if not image.mode.startswith(("I", "F")):
                return unit_range(np.asarray(image.convert("RGB")))
    return unit_range(read_integers(path, channels=3, bits=(8, 16)))


def read_pixels(path: Path) -> NDArray[np.generic]:
    """The stored numbers of an image, whatever they mean.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with _decoding(path), PIL.Image.open(path) as image:
        return np.asarray(image)


def read_integers(
    path: Path, *, channels: int, bits: tuple[int, ...] = (8,)
) -> NDArray[np.uint8 | np.uint16]:
    """The stored numbers of an image that has to have so many channels of so many bits.

    16 bits a channel are kept for one channel, and in PNG files for three and four as well
    (Pillow alone gives 8 of them). The indices of a palette are one channel of 8 bits. Grey of 1,
    2 or 4 bits gives its numbers as stored, where Pillow alone stretches them to 8 bits.

    Args:
        path: The file.
        channels: 1, 3 (RGB) or 4 (RGBA), as they must be.
        bits: What each channel may have, of 1, 2, 4, 8 and 16.

    Returns:
        uint8 or uint16 with shape (h, w) for one channel, else (h, w, C).

    Raises:
        DataError: If the file cannot be decoded or holds another kind of image.
    """
    kind = read_kind(path)
    if kind[0] != channels or kind[1] not in bits:
        raise DataError(
            f"{path} has {_kind_text(kind[0], str(kind[1]))}, where"
            f" {_kind_text(channels, ' or '.join(map(str, bits)))} should be: give the"
            " original file, or convert it"
        )
    stored = _read_any(path)
    return stored.astype(np.uint16 if kind[1] == 16 else np.uint8)


def read_palette_colours(path: Path) -> NDArray[np.uint8]:
    """The colours of an image of one channel: those of its palette, or its grey three times.

    Returns:
        RGB with shape (h, w, 3); RGBA where the palette has transparent entries.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with _decoding(path), PIL.Image.open(path) as image:
        return np.array(image.convert("RGBA" if "transparency" in image.info else "RGB"))


def read_stored(*paths: Path) -> NDArray[np.generic]:
    """The numbers of one or several files as they are stored, whatever they mean.

    Returns:
        Array with shape (h, w) or (h, w, C); several files of one plane each are C channels.

    Raises:
        DataError: If a file cannot be decoded, or they differ in size.
    """
    planes = [_read_any(path) for path in paths]
    if len(planes) == 1:
        return planes[0]
    with _decoding(paths[0]):
        return np.stack(planes, axis=-1)


def _read_any(path: Path) -> NDArray[np.generic]:
    if path.suffix == ARRAY:
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
        float32 with shape (h, w), every one finite.

    Raises:
        DataError: If the file cannot be read, is no plane of numbers, or one is not finite.
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
    """Stored numbers as float32 with shape (h, w); what is too large for it is infinite.

    Raises:
        DataError: If they are no plane of numbers.
    """
    if stored.ndim != 2 or stored.dtype.kind not in "biuf":
        raise _no_plane(path, stored.shape)
    with np.errstate(over="ignore"):  # whoever asks looks for numbers that are not finite
        return stored.astype(np.float32)


def label_table(classes: Mapping[int, int]) -> NDArray[np.int16]:
    """What :func:`read_label` looks stored numbers up in.

    Args:
        classes: Stored number to class, or to 255 where it stands for none. Every other number
            is refused.

    Returns:
        int16 with shape (256,), or longer where a stored number is larger; -1 for a number that
        is refused.
    """
    table = np.full(max([255, *classes]) + 1, -1, dtype=np.int16)
    for stored, label in classes.items():
        table[stored] = label
    return table


def read_label(path: Path, table: NDArray[np.int16]) -> Label:
    """The classes of an 8-bit label image.

    Args:
        path: The file; a palette's indices count, not its colours.
        table: From :func:`label_table`.

    Returns:
        Classes with shape (h, w), 255 where there is none.

    Raises:
        DataError: If the file cannot be decoded, is no label image, or holds a number that the
            table refuses.
    """
    stored = read_integers(path, channels=1)
    classes = table[stored]  # has at least 256 entries
    if (classes < 0).any():
        row, column = np.argwhere(classes < 0)[0]
        raise DataError(
            f"{path} has the label {stored[row, column]} in row {row}, column {column}, which is"
            f" none of this data set's ({number_ranges(np.flatnonzero(table >= 0))}): give its own"
            " label files"
        )
    return classes.astype(np.uint8)


def unit_range(stored: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    """Stored numbers over the largest that their bits can hold: from 0 to 1, one fixed scale."""
    return stored.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)


def grey_image(values: NDArray[np.float32]) -> Image:
    """Values from 0 to 1 with shape (h, w) as a grey image: the same in three channels."""
    return np.repeat(values[:, :, None], 3, axis=2)


def _read_wide_colour(path: Path, channels: int) -> NDArray[np.uint8 | np.uint16]:
    """All 16 bits of an RGB or RGBA PNG.

    Pillow keeps the first of a channel's two bytes where it is told that the first is the higher
    one, and the second where it is told the contrary: it is asked for both.
    """
    high = read_pixels(path).astype(np.uint16)
    with _decoding(path), PIL.Image.open(path) as image:
        if image.format != "PNG":
            raise ValueError("16-bit colour is read from PNG files alone")
        assert len(image.mode) == channels, image.mode
        image.tile = [image.tile[0]._replace(args=f"{image.mode};16L")]
        low = np.asarray(image)
    both: NDArray[np.uint8 | np.uint16] = (high << 8) | low
    return both


def read_kind(path: Path) -> tuple[int, int]:
    """Channels of an image and bits per channel, from its header.

    Raises:
        DataError: If the file cannot be decoded.
    """
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


def number_ranges(numbers: NDArray[np.int64]) -> str:
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


def read_size(path: Path) -> tuple[int, int]:
    """Width and height as they are stored, pixels; of an image only the header is read.

    Raises:
        DataError: If the file cannot be decoded.
    """
    if path.suffix == ARRAY:
        shape = _array_shape(path)
        if len(shape) not in (2, 3):  # three: with bands
            raise _no_plane(path, shape)
        return shape[1], shape[0]
    with _decoding(path), PIL.Image.open(path) as image:
        return image.size


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
        what = "array" if path.suffix == ARRAY else "image"
        raise DataError(
            f"cannot decode the {what} {path}: {_one_line(error)}; fetch it again or remove it"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
