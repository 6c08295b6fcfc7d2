"""A sheet of pixels with text, boxes and images; what all quick pictures are drawn on."""

import functools
import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.errors import in_one_line
from trainer.figures.colour import Colour

__all__ = [
    "COLOURS",
    "GAP",
    "INK",
    "LINE",
    "MARGIN",
    "NOTE",
    "TEXT",
    "TITLE",
    "WHITE",
    "Sheet",
    "text_width",
]

#: Colours of paper, text and thin lines.
WHITE: Colour = (255, 255, 255)
INK: Colour = (51, 51, 51)
LINE: Colour = (210, 210, 210)
#: Sizes of text, the margin around a sheet, and the gap between its parts, in pixels.
TITLE, TEXT, NOTE = 18, 15, 12
MARGIN, GAP = 14, 8
LINE_HEIGHT = 1.35  # of the size of the text
COLOURS = 256  # of a file


@functools.cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def text_width(text: str, size: int = TEXT) -> int:
    """Pixels that a text takes across."""
    return round(float(_font(size).getlength(in_one_line(text))))


class Sheet:
    """A white sheet; places are counted from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), WHITE)
        self._draw = ImageDraw.Draw(self._image)
        self.width = width

    def text(
        self,
        place: tuple[float, float],
        text: str,
        *,
        size: int = TEXT,
        anchor: str = "la",
        colour: Colour = INK,
    ) -> None:
        """Write a line; the anchor is Pillow's: ``l``, ``m`` or ``r``, then ``a`` or ``m``."""
        self._draw.text(place, in_one_line(text), fill=colour, font=_font(size), anchor=anchor)

    def text_up(self, place: tuple[int, int], text: str, *, size: int = TEXT) -> None:
        """Write a line upwards; the place is its lower end, in the middle of its height."""
        height = round(size * LINE_HEIGHT)
        line = Image.new("RGB", (text_width(text, size) + 2, height), WHITE)
        writer = ImageDraw.Draw(line)
        writer.text((0, height / 2), in_one_line(text), fill=INK, font=_font(size), anchor="lm")
        turned = line.transpose(Image.Transpose.ROTATE_90)
        self._image.paste(turned, (place[0] - height // 2, place[1] - turned.height))

    def paragraph(self, place: tuple[int, int], text: str, *, size: int = NOTE) -> int:
        """Write a text wrapped to the sheet's width; returns the pixels that it takes down."""
        if not text:
            return 0
        letters = (self.width - 2 * MARGIN) / max(1, text_width("n", size))
        step = round(size * LINE_HEIGHT)
        lines = [part for line in text.splitlines() for part in textwrap.wrap(line, int(letters))]
        for number, line in enumerate(lines):
            self.text((place[0], place[1] + number * step), line, size=size)
        return len(lines) * step

    def box(
        self,
        place: tuple[float, float],
        size: tuple[float, float],
        colour: Colour,
        *,
        edge: Colour | None = None,
    ) -> None:
        """Fill a rectangle."""
        (x, y), (width, height) = place, size
        corners = (round(x), round(y), round(x + width) - 1, round(y + height) - 1)
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            self._draw.rectangle(corners, fill=colour, outline=edge)

    def picture(self, place: tuple[int, int], picture: NDArray[np.uint8]) -> None:
        """Place an image with shape (h, w, 3)."""
        self._image.paste(Image.fromarray(picture), place)

    def png(self, height: int, colours: Sequence[Colour] = ()) -> bytes:
        """The sheet down to a height, as a PNG file with a palette: a quarter of the size.

        Args:
            height: Rows to keep; parts below are cut off.
            colours: The palette; chosen by the content if empty, which is coarse for photographs.
        """
        assert height <= self._image.height, "the sheet is too short"
        cut = self._image.crop((0, 0, self.width, height))
        few = _in_palette(cut, colours) if colours else _in_few_colours(cut)
        stream = io.BytesIO()
        few.save(stream, "png")
        return stream.getvalue()


def _in_few_colours(image: Image.Image) -> Image.Image:
    return image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _in_palette(image: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour in colours for channel in colour])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)
