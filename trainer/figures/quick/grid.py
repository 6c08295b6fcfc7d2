"""Grid of images, modalities, ground truth and predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.datasets.base import Label
from trainer.figures.colour import VOID, Colour, colour_label
from trainer.figures.quick.sheet import COLOURS, GAP, MARGIN, NOTE, TEXT, TITLE, Sheet, text_width
from trainer.figures.wording import short

__all__ = ["CELL", "Row", "draw_grid", "fitted", "photo_colours"]

CELL = 168  # pixels
SWATCH = 14  # pixels
PHOTO_COLOURS = 192  # of a file's 256; the others are for classes and text
ALMOST_WHITE = 245
#: Shades of text on white.
SHADES: tuple[Colour, ...] = tuple((grey, grey, grey) for grey in range(51, 256, 17))
HEAD = MARGIN + TITLE + GAP + TEXT + GAP  # pixels above the first row


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scene."""

    name: str
    #: Images by modality, each as :func:`fitted` makes it.
    images: Mapping[str, NDArray[np.uint8]]
    #: Classes with shape (h, w), by their source.
    labels: Mapping[str, Label]


def fitted(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An image with shape (h, w, 3), from 0 to 1, as bytes in the size of a cell."""
    whole = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    return np.asarray(whole.resize((CELL, CELL), Image.Resampling.BILINEAR))


def photo_colours(rows: Sequence[Row]) -> tuple[Colour, ...]:
    """The colours that the images of all rows need most; costly, but the same for every run."""
    images = [image for row in rows for image in row.images.values()]
    if not images:
        return ()
    strip = Image.fromarray(np.concatenate(images))
    few = strip.quantize(PHOTO_COLOURS, method=Image.Quantize.MEDIANCUT)
    channels = few.getpalette() or []
    found = zip(channels[::3], channels[1::3], channels[2::3], strict=True)
    # The paper stays white, which Pillow would replace by a colour that is almost white.
    return tuple(colour for colour in found if min(colour) < ALMOST_WHITE)


def draw_grid(
    rows: Sequence[Row],
    names: Sequence[str],
    palette: Sequence[Colour],
    *,
    photos: Sequence[Colour],
    title: str,
    note: str,
) -> bytes:
    """One row per scene, and the names of the occurring classes in their colours.

    Args:
        rows: Scenes with the same modalities and label maps.
        names: Names of the classes, then those of clusters without one.
        palette: One colour per name.
        photos: What :func:`photo_colours` gives for the rows.
        title: Title of the picture.
        note: A note at the bottom; none if empty.
    """
    first = rows[0]
    columns = [*first.images, *first.labels]
    left = MARGIN + NOTE + GAP
    width = max(left + len(columns) * (CELL + GAP) + MARGIN, text_width(title, TITLE) + 2 * MARGIN)
    legend = HEAD + len(rows) * (CELL + GAP)
    sheet = Sheet(width, legend + (len(names) + 4) * (SWATCH + GAP))
    sheet.text((MARGIN, MARGIN), title, size=TITLE)
    for column, heading in enumerate(columns):
        sheet.text((left + column * (CELL + GAP), HEAD - TEXT - 4), heading)
    for line, row in enumerate(rows):
        top = HEAD + line * (CELL + GAP)
        sheet.text_up((MARGIN + NOTE // 2, top + CELL), short(row.name), size=NOTE)
        maps = [_cell(label, palette) for label in row.labels.values()]
        for column, picture in enumerate([*row.images.values(), *maps]):
            sheet.picture((left + column * (CELL + GAP), top), picture)
    bottom = _draw_legend(sheet, legend, _occurring(rows, names, palette))
    bottom += sheet.paragraph((MARGIN, bottom), note)
    exact = [*SHADES, VOID, *palette] if photos else []
    return sheet.png(bottom + GAP, [*exact, *photos][:COLOURS])


def _cell(label: Label, palette: Sequence[Colour]) -> NDArray[np.uint8]:
    whole = Image.fromarray(colour_label(label, palette))
    return np.asarray(whole.resize((CELL, CELL), Image.Resampling.NEAREST))


def _occurring(
    rows: Sequence[Row], names: Sequence[str], palette: Sequence[Colour]
) -> list[tuple[str, Colour]]:
    """Names in any label map with their colours, and that of pixels without a label."""
    found = set()
    for row in rows:
        for label in row.labels.values():
            found |= set(np.unique(label).tolist())
    shown = [(names[index], palette[index]) for index in sorted(found) if index < len(names)]
    return [*shown, *([("no label", VOID)] if max(found, default=0) >= len(names) else [])]


def _draw_legend(sheet: Sheet, top: int, shown: Sequence[tuple[str, Colour]]) -> int:
    """Names beside their colours, as many to a line as fit; returns the place below."""
    x, y = MARGIN, top + GAP
    for name, colour in shown:
        taken = SWATCH + 6 + text_width(name) + 2 * GAP
        if x > MARGIN and x + taken > sheet.width:
            x, y = MARGIN, y + SWATCH + GAP
        sheet.box((x, y), (SWATCH, SWATCH), colour, edge=(136, 136, 136))
        sheet.text((x + SWATCH + 6, y + SWATCH / 2), name, anchor="lm")
        x += taken
    return y + SWATCH + GAP
