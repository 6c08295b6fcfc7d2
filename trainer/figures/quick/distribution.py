"""Share of each class in the labels and in the predictions."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.figures.colour import Colour
from trainer.figures.quick.sheet import GAP, INK, MARGIN, NOTE, TEXT, TITLE, Sheet, text_width
from trainer.figures.shown_counts import classes_by_frequency
from trainer.figures.wording import SQUARES, left_out_text

__all__ = ["draw_distribution"]

#: Ground truth first, then predictions: dark and blue are distinguishable for everybody.
COLOURS: tuple[Colour, ...] = (INK, (58, 152, 245))
BAR, LONGEST = 14, 420  # pixels
NUMBER = 50  # pixels for the number after a bar


def draw_distribution(
    shares: Mapping[str, NDArray[np.int64]], classes: Sequence[str], *, title: str
) -> bytes:
    """A group of bars per class; the most frequent class in the labels is at the top.

    Classes that neither occur nor are predicted are left out; a note gives their number.

    Args:
        shares: Pixels of each class, shape (Y,), by their source: the ground truth, then one
            prediction.
        classes: Names of the Y classes.
        title: Title of the picture.
    """
    order = classes_by_frequency(shares)
    percent = {name: 100 * each / max(int(each.sum()), 1) for name, each in shares.items()}
    scale = LONGEST / max(float(each.max()) for each in percent.values())
    left = MARGIN + GAP + max(text_width(classes[index]) for index in order)
    group = len(shares) * BAR + GAP
    top = MARGIN + 2 * TITLE + TEXT + 2 * GAP
    foot = top + len(order) * group
    width = max(left + LONGEST + NUMBER, text_width(title, TITLE) + MARGIN) + MARGIN
    sheet = Sheet(width, foot + 10 * TEXT)
    sheet.text((MARGIN, MARGIN), title, size=TITLE)
    _draw_legend(sheet, (left, MARGIN + 2 * TITLE), tuple(shares))
    for line, index in enumerate(order):
        y = top + line * group
        sheet.text((left - GAP, y + len(shares) * BAR / 2), classes[index], anchor="rm")
        for number, (values_Y, colour) in enumerate(zip(percent.values(), COLOURS, strict=True)):
            length, value = scale * values_Y[index], float(values_Y[index])
            place = (left, y + number * BAR)
            sheet.box(place, (max(1.0, length) if value else 0, BAR - 1), colour)
            end = (left + length + 5, place[1] + BAR / 2 - 1)
            sheet.text(end, f"{value:.1f}", size=NOTE, anchor="lm")
    sheet.text((left, foot + GAP), "percent of the labelled pixels")
    absent = left_out_text(len(classes) - len(order), "that neither occur nor are predicted")
    bottom = foot + 2 * GAP + TEXT
    bottom += sheet.paragraph((MARGIN, bottom), f"{SQUARES}\n{absent}".strip())
    return sheet.png(bottom + GAP)


def _draw_legend(sheet: Sheet, place: tuple[int, int], names: Sequence[str]) -> None:
    x, y = place
    for name, colour in zip(names, COLOURS, strict=True):
        sheet.box((x, y), (BAR, BAR), colour)
        sheet.text((x + BAR + 6, y + BAR / 2), name, anchor="lm")
        x += BAR + 6 + text_width(name) + 3 * GAP
