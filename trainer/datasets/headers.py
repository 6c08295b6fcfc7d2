"""Reading the headers of image and array files; one line for each file that cannot be decoded.

Pillow and NumPy raise several kinds of errors on damaged files. Only this module turns them into
:class:`~trainer.errors.DataError`.
"""

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.TiffImagePlugin

from trainer.datasets.exif import TURNED_BY_PILLOW, UPRIGHT, orientation_of, upright_size
from trainer.datasets.misread import AGAIN, advice_on, check_kind
from trainer.errors import DataError

__all__ = [
    "ANY_NUMBERS",
    "ARRAY",
    "OTHER_COLOUR",
    "array_shape",
    "decoding",
    "is_array",
    "no_plane",
    "open_image",
    "orientation_to_turn",
    "read_kind",
    "read_orientation",
    "read_size",
]

ARRAY = ".npy"
#: Bits of an image that holds one plane of whole or floating-point numbers (TIFF).
ANY_NUMBERS = 32
#: Modes of Pillow for colour in other coordinates, which is converted to RGB.
OTHER_COLOUR = ("CMYK", "YCbCr", "HSV")
#: So few rows of an array are taken for planes; an image has more.
MOST_BANDS_FIRST = 8
#: Formats in which further pages are previews of the first.
WITH_PREVIEWS = ("MPO",)
#: The TIFF tag that says what a page is, and its bits for a smaller copy and for a mask.
SUBFILE_TYPE, REDUCED_OR_MASK = 254, 0b101
#: Byte sequences of which a PNG with EXIF tags contains at least one.
TAG_MARKS = (b"eXIf", b"Raw profile type exif", b"tiff:Orientation")


def is_array(path: Path) -> bool:
    """Whether a file holds an array rather than an image."""
    return path.suffix.lower() == ARRAY


def read_kind(path: Path) -> tuple[int, int]:
    """Channels of an image and bits per channel, from its header; CMYK counts as RGB.

    Raises:
        DataError: If the file cannot be decoded.
    """
    with open_image(path) as image:
        channels = 3 if image.mode in OTHER_COLOUR else len(image.getbands())
        if image.mode in ("I", "F"):
            return channels, ANY_NUMBERS
        if image.mode in ("P", "PA"):
            return channels, 8
        # how the file stores its pixels, such as RGB;16B; 8 bits are not mentioned
        stored = str(image.tile[0].args) if image.tile else image.mode
        said = re.search(r";(\d+)", stored)
        return channels, 1 if image.mode == "1" else int(said[1]) if said else 8


def read_size(path: Path, *, late: bool = False) -> tuple[int, int]:
    """Width and height of the upright image in pixels; of an image only the header is read.

    Args:
        path: The file.
        late: Whether to look for an EXIF orientation after the pixels of a PNG as well.

    Raises:
        DataError: If the file cannot be decoded.
    """
    if is_array(path):
        shape = array_shape(path)
        if len(shape) not in (2, 3):  # three: with bands
            raise no_plane(path, shape)
        return shape[1], shape[0]
    with open_image(path) as image:
        return upright_size(image.size, orientation_to_turn(image, late=late and _has_tags(path)))


def read_orientation(path: Path, *, late: bool = False, ours: bool = False) -> int:
    """The EXIF orientation of a file, 1 to 8; 1 (upright) if there is none.

    Args:
        path: The file.
        late: Whether to look after the pixels of a PNG as well.
        ours: Whether to ignore orientations that Pillow applies by itself.

    Raises:
        DataError: If the file cannot be decoded.
    """
    if is_array(path):
        return UPRIGHT
    with open_image(path) as image:
        late = late and _has_tags(path)
        return orientation_to_turn(image, late=late) if ours else orientation_of(image, late=late)


def _has_tags(path: Path) -> bool:
    """Whether a file may contain an orientation anywhere; does not decode it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in TAG_MARKS)


def orientation_to_turn(opened: PIL.Image.Image, *, late: bool = False) -> int:
    """The orientation by which the pixels of an open file still have to be turned.

    Args:
        opened: The file.
        late: Whether to look after the pixels of a PNG as well, which decodes it.
    """
    if opened.format in TURNED_BY_PILLOW:
        return UPRIGHT
    return orientation_of(opened, late=late)


def array_shape(path: Path) -> tuple[int, ...]:
    """The shape of an array, from its header.

    Raises:
        DataError: If the file cannot be read, is not an array, holds no number, or has its planes
            before height and width.
    """
    with decoding(path), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape: tuple[int, ...] = np.lib.format.read_array_header_1_0(file)[0]
        else:
            shape = np.lib.format.read_array_header_2_0(file)[0]
    if 0 in shape:
        raise DataError(f"{path} has the shape {shape} and holds no number: write it again")
    if len(shape) == 3 and shape[0] <= MOST_BANDS_FIRST < shape[2]:
        raise DataError(
            f"{path} has the shape {shape}, with its planes first: write it as height x width x"
            " planes"
        )
    return shape


def no_plane(path: Path, shape: tuple[int, ...]) -> DataError:
    """The error for an array that is not a plane of numbers."""
    return DataError(f"{path} has the shape {shape}, not height x width: fix the file")


@contextmanager
def open_image(path: Path) -> Iterator[PIL.ImageFile.ImageFile]:
    """Open an image file, of which only the header is read at first.

    Raises:
        DataError: If the file cannot be decoded, also inside the ``with`` block; if it has several
            pages, all but the first of which would be ignored; or if Pillow would misread it.
    """
    with decoding(path), PIL.Image.open(path) as image:
        pages = _page_count(image)
        if pages > 1:
            raise DataError(f"{path} has {pages} pages: save each page as a file of its own")
        check_kind(path, image)
        yield image


def _page_count(image: PIL.ImageFile.ImageFile) -> int:
    """The pages of an open file, without the previews that cameras and maps add to the image."""
    count = getattr(image, "n_frames", 1)
    if count == 1 or image.format in WITH_PREVIEWS:
        return 1
    if not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        return count
    kinds = []
    for page in range(count):
        image.seek(page)
        kinds.append(image.tag_v2.get(SUBFILE_TYPE, 0))
    image.seek(0)
    return 1 + sum(not kind & REDUCED_OR_MASK for kind in kinds[1:])


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn an error while decoding a file into one line.

    Raises:
        DataError: On such an error; names the file.
    """
    try:
        yield
    except DataError:
        raise
    except (
        OSError,
        EOFError,
        SyntaxError,
        ValueError,
        PIL.Image.DecompressionBombError,
    ) as error:
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path} is a broken link: fix the link, or remove it") from error
        what = "array" if is_array(path) else "image"
        advice = advice_on(path) if isinstance(error, PIL.UnidentifiedImageError) else AGAIN
        raise DataError(
            f"cannot decode the {what} {path}: {_one_line(error)}; {advice}"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
