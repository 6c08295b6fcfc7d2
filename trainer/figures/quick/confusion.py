"""Confusion matrix of classes and predictions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.figures.colour import Colour
from trainer.figures.quick.sheet import (
    GAP,
    INK,
    LINE,
    MARGIN,
    NOTE,
    TEXT,
    TITLE,
    WHITE,
    Sheet,
    text_width,
)
from trainer.figures.shown_counts import confusion_shares
from trainer.figures.wording import left_out_text

__all__ = ["draw_confusion"]

#: Pixels of a cell, and of all columns if they fit; smaller cells show no number.
LARGEST, SMALLEST, WHOLE = 46, 22, 620
MANY, TINY = 60, 13  # more columns have cells of so many pixels
FULL: Colour = (27, 34, 144)  # a share of 100 %: the shades from white get darker evenly
LEAST_WIDTH = 420  # pixels of the sheet, for its title


def draw_confusion(
    counts_YZ: NDArray[np.int64], classes: Sequence[str], predictions: Sequence[str], *, title: str
) -> bytes:
    """Shares of each class's pixels by prediction in percent; rows add up to 100.

    Classes without a labelled pixel have no row, and names that are neither predicted nor a row
    have no column; a note gives the number of classes left out.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each prediction (column).
        classes: Names of the Y classes.
        predictions: Names of the Z predictions: the classes, then clusters without a class.
        title: Title of the picture.
    """
    shown = confusion_shares(counts_YZ)
    rows, columns = shown.rows, shown.columns
    side = _side(len(columns))
    size = TEXT if side > TEXT else NOTE
    left = MARGIN + TEXT + 2 * GAP + max(text_width(classes[row], size) for row in rows)
    top = MARGIN + 2 * TITLE + GAP
    foot = (
        top + len(rows) * side + max(text_width(predictions[column], size) for column in columns)
    )
    width = max(left + len(columns) * side, LEAST_WIDTH, text_width(title, TITLE) + MARGIN)
    sheet = Sheet(width + MARGIN, foot + 8 * TEXT)
    sheet.text((MARGIN, MARGIN), title, size=TITLE)
    for line, row in enumerate(rows):
        middle = top + line * side + side / 2
        sheet.text((left - GAP, middle), classes[row], size=size, anchor="rm")
        for place, value in enumerate(shown.percent[line].tolist()):
            _draw_cell(sheet, (left + place * side, top + line * side), side, value)
    for place, column in enumerate(columns):
        name = predictions[column]
        end = top + len(rows) * side + GAP + text_width(name, size)
        sheet.text_up((left + place * side + side // 2, end), name, size=size)
    sheet.text_up((MARGIN + TEXT // 2, top + len(rows) * side), "ground truth")
    sheet.text((left, foot + 2 * GAP), "prediction; percent of the class's pixels")
    left_out = left_out_text(len(counts_YZ) - len(rows), "without a labelled pixel")
    bottom = foot + 2 * GAP + TEXT + GAP
    return sheet.png(bottom + sheet.paragraph((MARGIN, bottom), left_out) + GAP)


def _side(columns: int) -> int:
    """Pixels of a cell."""
    return TINY if columns > MANY else max(SMALLEST, min(LARGEST, WHOLE // columns))


def _draw_cell(sheet: Sheet, place: tuple[int, int], side: int, percent: float) -> None:
    share = percent / 100
    red, green, blue = (
        round(white + share * (full - white)) for white, full in zip(WHITE, FULL, strict=True)
    )
    sheet.box(place, (side, side), (red, green, blue), edge=LINE)
    if round(percent) and side >= SMALLEST:
        sheet.text(
            (place[0] + side / 2, place[1] + side / 2),
            f"{percent:.0f}",
            size=NOTE if side < LARGEST else TEXT,
            anchor="mm",
            colour=WHITE if share > 0.45 else INK,
        )
