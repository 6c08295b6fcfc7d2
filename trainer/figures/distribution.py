"""How often each class occurs in the labels and in predictions (the paper's Fig. 4)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.figures.canvas import INK, new_figure
from trainer.figures.colour import web_colour

__all__ = ["draw_distribution"]

#: Ground truth first, then predictions: dark, blue, orange are told apart by everybody.
COLOURS = (INK, web_colour((58, 152, 245)), web_colour((231, 86, 36)))


def draw_distribution(
    shares: Mapping[str, NDArray[np.int64]], classes: Sequence[str], title: str
) -> Figure:
    """A group of bars a class, the most frequent class in the labels at the top.

    Args:
        shares: Pixels of each class, shape (Y,), by where they were counted: the ground truth
            first, then up to two predictions.
        classes: Names of the Y classes.
        title: What the run is called.
    """
    assert len(shares) <= len(COLOURS), list(shares)
    truth_Y = next(iter(shares.values()))
    order = np.argsort(-truth_Y, kind="stable")
    figure = new_figure(7, 1.3 + (0.14 * len(shares) + 0.1) * len(classes))
    axes = figure.add_subplot()
    thickness = 0.8 / len(shares)
    places = np.arange(len(classes))
    for number, ((name, counts_Y), colour) in enumerate(
        zip(shares.items(), COLOURS, strict=False)
    ):
        percent = 100 * counts_Y[order] / max(counts_Y.sum(), 1)
        middles = places + (number - (len(shares) - 1) / 2) * thickness
        bars = axes.barh(middles, percent, thickness, label=name, color=colour)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=6)
    axes.set_yticks(places, [classes[index] for index in order])
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.set_xlabel("share of the labelled pixels, percent")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Class distribution: {title}", loc="left")
    figure.legend(loc="outside right upper")
    return figure
