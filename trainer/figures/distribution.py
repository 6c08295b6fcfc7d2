"""Frequency of each class in the labels and in predictions (the paper's Fig. 4)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.figures.canvas import INK, new_figure, set_note
from trainer.figures.colour import web_colour
from trainer.figures.shown_counts import classes_by_frequency
from trainer.figures.wording import SQUARES, left_out_text

__all__ = ["draw_distribution"]

#: Ground truth first, then predictions: dark, blue and orange are distinguishable for everybody.
COLOURS = (INK, web_colour((58, 152, 245)), web_colour((231, 86, 36)))


def draw_distribution(
    shares: Mapping[str, NDArray[np.int64]], classes: Sequence[str], title: str
) -> Figure:
    """A group of bars per class; the most frequent class in the labels is at the top.

    Classes that neither occur nor are predicted are left out; a note gives their number.

    Args:
        shares: Pixels of each class, shape (Y,), by their source: the ground truth first, then
            up to two predictions.
        classes: Names of the Y classes.
        title: Name of the run.
    """
    assert len(shares) <= len(COLOURS), list(shares)
    order = classes_by_frequency(shares)
    figure = new_figure(7, 1.7 + (0.14 * len(shares) + 0.1) * len(order))
    axes = figure.add_subplot()
    thickness = 0.8 / len(shares)
    positions = np.arange(len(order))
    for number, ((name, counts_Y), colour) in enumerate(
        zip(shares.items(), COLOURS, strict=False)
    ):
        percent = 100 * counts_Y[order] / max(counts_Y.sum(), 1)
        middles = positions + (number - (len(shares) - 1) / 2) * thickness
        bars = axes.barh(middles, percent, thickness, label=name, color=colour)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=6)
    axes.set_yticks(positions, [classes[index] for index in order])
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.set_xlabel("share of the labelled pixels, percent")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Class distribution: {title}", loc="left")
    figure.legend(loc="outside right upper")
    absent = left_out_text(len(classes) - len(order), "that neither occur nor are predicted")
    set_note(figure, f"{SQUARES}\n{absent}".strip())
    return figure
