"""Kinds of files that Pillow opens and then reads wrongly, or cannot open at all, in one line."""

from pathlib import Path

import numpy as np
import PIL.ImageFile
import PIL.TiffImagePlugin
from numpy.typing import NDArray

from trainer.errors import DataError

__all__ = ["AGAIN", "advice_on", "check_kind", "check_unsigned"]

#: What to do with a damaged file.
AGAIN = "fetch it again or remove it"

BITS_PER_SAMPLE, COMPRESSION, SAMPLE_FORMAT = 258, 259, 339  # tags of a TIFF
UNCOMPRESSED = 1
UNSIGNED, SIGNED = 1, 2
BIG_ENDIAN = b"MM"
GREY_AND_ALPHA = "LA;16"  # as a PNG stores its pixels
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def check_kind(path: Path, image: PIL.ImageFile.ImageFile) -> None:
    """Refuse an open file whose pixels Pillow would get wrong.

    Raises:
        DataError: If it is one: a TIFF of signed bytes, a compressed big-endian one of signed or
            floating-point numbers, or a PNG of grey and alpha with 16 bits.
    """
    wrong = ""
    if isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        wrong = _misread_tiff(image)
    elif image.tile and str(image.tile[0].args).startswith(GREY_AND_ALPHA):
        wrong = "grey and alpha of 16 bits cannot be read: save grey alone"
    if wrong:
        raise DataError(f"{path}: {wrong}")


def _misread_tiff(image: PIL.TiffImagePlugin.TiffImageFile) -> str:
    tags = image.tag_v2
    bits = max(tags.get(BITS_PER_SAMPLE, (1,)))
    formats = set(tags.get(SAMPLE_FORMAT, (UNSIGNED,)))
    if bits == 8 and SIGNED in formats:
        return "signed numbers of 8 bits cannot be read: save them as 16 bits"
    swapped = image.tag_v2.prefix == BIG_ENDIAN and tags.get(COMPRESSION, 1) != UNCOMPRESSED
    if swapped and bits > 8 and formats != {UNSIGNED}:
        return (
            f"big-endian numbers of {bits} bits cannot be read where they are compressed: save the"
            " file without compression, or as little-endian"
        )
    return ""


def check_unsigned(
    path: Path, image: PIL.ImageFile.ImageFile, pixels: NDArray[np.generic]
) -> None:
    """Refuse unsigned numbers of 32 bits that Pillow returned as negative ones.

    Raises:
        DataError: If there are such numbers.
    """
    if image.mode != "I" or not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        return
    formats = set(image.tag_v2.get(SAMPLE_FORMAT, (UNSIGNED,)))
    if formats == {UNSIGNED} and bool((pixels < np.zeros((), pixels.dtype)).any()):
        raise DataError(
            f"{path} has numbers from {2**31} on, which cannot be read: save smaller ones, or an"
            " .npy file"
        )


def advice_on(path: Path) -> str:
    """How to use a file that could not be decoded."""
    with path.open("rb") as file:
        start = file.read(4)
    if start in TIFF_STARTS:
        return (
            "if it is intact, save it as an .npy file, or each band with 8 or 16 bits or 32-bit"
            " floats in a file of its own"
        )
    return AGAIN
