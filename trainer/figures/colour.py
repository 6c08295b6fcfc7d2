"""Colours of label maps: palettes, coloured maps, overlays. Plain numpy, no drawing library.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label

__all__ = [
    "GREY",
    "HATCH_DARK",
    "HATCH_LIGHT",
    "SAFE_PALETTE",
    "VOID",
    "Colour",
    "colour_label",
    "hatch_holes",
    "overlay",
    "picture_palette",
    "web_colour",
]

#: Red, green and blue from 0 to 255.
Colour = tuple[int, int, int]

#: Colour of pixels without a class.
VOID: Colour = (0, 0, 0)

#: Colour of clusters without a class.
GREY: Colour = (160, 160, 160)

#: Grey of unmeasured pixels, and of the lines over it; lines across a picture.
HATCH_LIGHT, HATCH_DARK, HATCHES = 0.72, 0.45, 28

#: Ten colours that colour-blind readers can also distinguish, from each other and from black and
#: white. They maximise the smallest CIELAB distance of all pairs over normal sight and the three
#: dichromacies as simulated by Machado, Oliveira and Fernandes (IEEE TVCG 15, 2009). That distance
#: is 30, where 2 to 3 is just noticeable; the first few colours are even farther apart.
SAFE_PALETTE: tuple[Colour, ...] = (
    (231, 86, 36),
    (27, 34, 144),
    (58, 152, 245),
    (244, 210, 15),
    (134, 15, 15),
    (200, 106, 106),
    (142, 20, 245),
    (96, 245, 133),
    (88, 24, 86),
    (127, 128, 167),
)


def picture_palette(palette: Sequence[Colour], *, chosen: bool = False) -> tuple[Colour, ...]:
    """The colours in which classes are drawn.

    Args:
        palette: The data set's own colours, one per class.
        chosen: Whether the user chose them.

    Returns:
        The colours that the user chose, if any. Otherwise, for up to ten classes, colours that
        colour-blind readers can distinguish; for more, the data set's own, which its users know,
        to be shown with the names of the classes.
    """
    classes = len(palette)
    if chosen or classes > len(SAFE_PALETTE):
        return tuple(palette)
    return SAFE_PALETTE[:classes]


def web_colour(colour: Colour) -> str:
    """A colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def colour_label(label: Label, palette: Sequence[Colour]) -> NDArray[np.uint8]:
    """Colour a map of classes.

    Args:
        label: Classes with shape (h, w); classes missing from the palette, such as 255, become
            :data:`VOID`.
        palette: One RGB colour per class, 0 to 255.

    Returns:
        Colours with shape (h, w, 3).
    """
    table = np.full((256, 3), VOID, dtype=np.uint8)
    table[: len(palette)] = palette
    coloured: NDArray[np.uint8] = table[label]
    return coloured


def hatch_holes(image: Image, holes: NDArray[np.bool_] | None) -> Image:
    """An image whose unmeasured pixels are hatched grey, however they were filled.

    Args:
        image: Image with shape (h, w, 3), from 0 to 1.
        holes: Mask of the unmeasured pixels, shape (h, w); None for none.

    Returns:
        Image with shape (h, w, 3), from 0 to 1.
    """
    if holes is None or not holes.any():
        return image
    height, width = holes.shape
    period = max(4, min(height, width) // HATCHES)
    rows, columns = np.indices(holes.shape)
    lines = (rows + columns) % period < max(1, period // 4)
    grey = np.where(lines, HATCH_DARK, HATCH_LIGHT)[:, :, None].astype(np.float32)
    return np.where(holes[:, :, None], grey, image)


def overlay(
    image: Image, label: Label, palette: Sequence[Colour], opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Draw a coloured map over an image; pixels without a class show only the image.

    Args:
        image: Image with shape (h, w, 3), from 0 to 1.
        label: Classes with shape (h, w).
        palette: One RGB colour per class, 0 to 255.
        opacity: Share of the colour, from 0 (the image) to 1 (the coloured map).

    Returns:
        Colours with shape (h, w, 3).
    """
    assert image.shape[:2] == label.shape, (image.shape, label.shape)
    share = np.where(label < len(palette), opacity, 0.0)[..., None]
    mixed = share * colour_label(label, palette) + (1 - share) * 255.0 * image
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)
