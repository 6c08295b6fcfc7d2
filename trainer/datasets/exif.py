"""The EXIF orientation: how a camera marks that the stored picture must be turned or mirrored.

Viewers and labelling tools follow the tag, so pictures are read in the same way. The eight values
are those of the EXIF standard (CIPA DC-008, tag 0x0112): the position of the stored picture's
first row and first column in the scene.

Letters of shapes: ``docs/architecture.md``.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
from numpy.typing import NDArray

__all__ = [
    "TURNED_BY_PILLOW",
    "UPRIGHT",
    "orientation_of",
    "stored_view",
    "turned",
    "turned_note",
    "upright_size",
]

UPRIGHT = 1
ORIENTATION = 0x0112  # the tag's number
SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange rows and columns
#: Formats that Pillow turns by itself when it decodes them, including their size.
TURNED_BY_PILLOW = ("TIFF",)

Number = TypeVar("Number", bound=np.generic)


def orientation_of(image: PIL.Image.Image, *, late: bool = False) -> int:
    """The orientation stored in an open file, 1 to 8.

    Args:
        image: The file.
        late: Whether to look after the pixels of a PNG as well, which decodes it.

    Returns:
        1 (upright) if the tag is missing, damaged or not one of the eight.
    """
    try:
        if isinstance(image, PIL.PngImagePlugin.PngImageFile) and not late:
            tags = PIL.Image.Image.getexif(image)  # its own method decodes the pixels
        else:
            tags = image.getexif()
        value = tags.get(ORIENTATION, UPRIGHT)
    except (SyntaxError, struct.error, ValueError, TypeError, KeyError):  # damaged: no tag
        return UPRIGHT
    return value if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def turned(stored: NDArray[Number], orientation: int) -> NDArray[Number]:
    """Pixels turned upright.

    Args:
        stored: Pixels as stored; the first axes are height and width.
        orientation: 1 to 8.
    """
    if orientation in SIDEWAYS:
        stored = stored.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored


def stored_view(seen: NDArray[Number], orientation: int) -> NDArray[Number]:
    """The inverse of :func:`turned`: pixels as stored, from upright ones."""
    return turned(seen, {6: 8, 8: 6}.get(orientation, orientation))


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of the upright picture, from the stored ones."""
    return size[::-1] if orientation in SIDEWAYS else size


def turned_note(found: Mapping[str, Counter[int]]) -> tuple[str, ...]:
    """Note on turned files; empty if there are none.

    Args:
        found: Kind of files to the number of files with each orientation.
    """
    said, others = [], []
    for kind, counts in found.items():
        tags = sorted(tag for tag in counts if tag != UPRIGHT)
        if tags:
            number = counts.total() - counts[UPRIGHT]
            said.append(f"{number} of {counts.total()} {kind} ({', '.join(map(str, tags))})")
        elif counts:
            others.append(kind)
    if not said:
        return ()
    rest = f"; {', '.join(others)}: no file has a tag, they are read as upright" if others else ""
    return (f"files turned as their EXIF orientation says: {', '.join(said)}{rest}",)
