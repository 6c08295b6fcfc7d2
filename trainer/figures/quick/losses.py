"""Loss of each modality or pair over the iterations of a run."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from trainer.figures.colour import SAFE_PALETTE, Colour
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
from trainer.records import Report

__all__ = ["draw_losses"]

WIDTH, HEIGHT = 520, 280  # pixels of the plot
TICKS = 5  # about so many along an axis
FINE = 2  # pixels of a line are drawn so many times finer, and then averaged
STEPS = (1, 2, 5, 10)  # of the numbers along an axis, times a power of ten
PADDING = 0.05  # of the range, above and below the curves
SUM: Colour = (150, 150, 150)
NUMBER = 64  # pixels for the numbers along the vertical axis


def draw_losses(reports: Sequence[Report], *, title: str) -> bytes:
    """One line per loss term, and one for their sum, of the means between evaluations.

    Args:
        reports: One per evaluation, at least one; those without terms show only the sum.
        title: Title of the picture.
    """
    curves = _curves(reports)
    iterations = [report.iteration for report in reports]
    low, high = _range([value for values in curves.values() for value in values])
    left, top = MARGIN + TEXT + GAP + NUMBER, MARGIN + 2 * TITLE
    aside = left + WIDTH + 2 * GAP
    needed = aside + 30 + max(text_width(name) for name in curves)
    sheet = Sheet(max(needed, text_width(title, TITLE) + MARGIN) + MARGIN, top + HEIGHT + 9 * TEXT)
    sheet.text((MARGIN, MARGIN), title, size=TITLE)
    colours = [*(SAFE_PALETTE[place % len(SAFE_PALETTE)] for place in range(len(curves)))]
    colours = [SUM if name == "sum" else each for name, each in zip(curves, colours, strict=True)]
    heights = {name: _heights(values, low, high) for name, values in curves.items()}
    across = [WIDTH * iteration / max(iterations[-1], 1) for iteration in iterations]
    ticks = {value: HEIGHT * (high - value) / (high - low) for value in _ticks(low, high)}
    plot = _plot(across, list(heights.values()), colours, list(ticks.values()))
    sheet.picture((left, top), plot)
    for value, y in ticks.items():
        sheet.text((left - 6, top + y), f"{value:g}", size=NOTE, anchor="rm")
    for value in _ticks(0, iterations[-1]):
        x = left + WIDTH * value / max(iterations[-1], 1)
        sheet.text((x, top + HEIGHT + 5), f"{value:g}", size=NOTE, anchor="ma")
    for line, (name, colour) in enumerate(zip(curves, colours, strict=True)):
        y = top + line * (TEXT + GAP)
        sheet.box((aside, y + 6), (22, 4), colour)
        sheet.text((aside + 28, y), name)
    sheet.text((left + WIDTH / 2, top + HEIGHT + 2 * NOTE), "iteration", anchor="ma")
    sheet.text_up((MARGIN + TEXT // 2, top + HEIGHT), "weighted loss")
    note = (MARGIN, top + HEIGHT + 2 * NOTE + 2 * TEXT)
    used = sheet.paragraph(note, "Each point is the mean since the evaluation before.")
    return sheet.png(note[1] + used + GAP)


def _curves(reports: Sequence[Report]) -> Mapping[str, list[float]]:
    names = list(dict.fromkeys(name for report in reports for name in report.terms))
    curves = {name: [report.terms.get(name, math.nan) for report in reports] for name in names}
    if len(names) != 1:
        curves["sum"] = [report.loss for report in reports]
    return curves


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range to show, wider than that of the finite values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    room = PADDING * (high - low) or max(abs(high), 1.0) * PADDING
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers of a range."""
    wanted = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(wanted)) if wanted > 0 else 1.0
    step = power * min(STEPS, key=lambda each: abs(each * power - wanted))
    first = math.ceil(low / step)
    return [float(f"{step * number:.6g}") for number in range(first, math.floor(high / step) + 1)]


def _heights(values: Sequence[float], low: float, high: float) -> list[float]:
    return [HEIGHT * (high - value) / (high - low) for value in values]


def _plot(
    across: Sequence[float],
    curves: Sequence[Sequence[float]],
    colours: Sequence[Colour],
    grid: Sequence[float],
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """The curves on a grid of lines, with a dot at every value."""
    image = Image.new("RGB", (FINE * WIDTH, FINE * HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    for y in grid:
        draw.line((0, FINE * y, FINE * WIDTH, FINE * y), fill=LINE, width=FINE)
    draw.line((0, 0, 0, FINE * HEIGHT), fill=INK, width=2 * FINE)
    draw.line((0, FINE * HEIGHT - FINE, FINE * WIDTH, FINE * HEIGHT - FINE), fill=INK, width=FINE)
    for values, colour in zip(curves, colours, strict=True):
        for points in _finite_parts(across, values):
            draw.line(points, fill=colour, width=2 * FINE, joint="curve")
            for x, y in points:
                draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
    return np.asarray(image.reduce(FINE))


def _finite_parts(
    across: Sequence[float], values: Sequence[float]
) -> Iterator[list[tuple[float, float]]]:
    """The points of a curve, in parts without a value that is not finite."""
    part: list[tuple[float, float]] = []
    for x, y in zip(across, values, strict=True):
        if math.isfinite(y):
            part.append((FINE * x, FINE * y))
        elif part:
            yield part
            part = []
    if part:
        yield part
