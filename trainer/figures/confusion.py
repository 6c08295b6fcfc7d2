"""Which class is predicted as which (the paper's Fig. 5)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.figures.canvas import new_figure

__all__ = ["draw_confusion"]

MAP = "cividis"  # even steps of lightness, the same for colour-blind readers
EMPTY = "#dddddd"  # a class without pixels
FEW = 15  # classes up to which every cell has its number; beyond, those of a percent and more


def draw_confusion(counts_YY: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Shares of each class's pixels, percent, by prediction; rows add up to 100.

    Args:
        counts_YY: Labelled pixels of each class (row) in each prediction (column), clusters
            already matched. A class without pixels has an empty row.
        classes: Names of the Y classes.
        title: What the run and the probe are called.
    """
    size = len(classes)
    total_Y1 = counts_YY.sum(axis=1, keepdims=True)
    percent_YY = np.where(total_Y1 > 0, 100 * counts_YY / np.maximum(total_Y1, 1), np.nan)
    figure = new_figure(2.6 + 0.4 * size, 2.0 + 0.4 * size)
    axes = figure.add_subplot()
    image = axes.imshow(percent_YY, cmap=MAP, vmin=0, vmax=100)
    for row, column in np.ndindex(percent_YY.shape):
        value = percent_YY[row, column]
        if np.isfinite(value) and (size <= FEW or value >= 1):
            axes.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="black" if value > 50 else "white",
            )
    axes.set_xticks(range(size), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), classes)
    axes.set_xlabel("prediction")
    empty = bool(np.isnan(percent_YY).any())
    axes.set_ylabel("ground truth (grey: no labelled pixel)" if empty else "ground truth")
    axes.set_facecolor(EMPTY)
    axes.set_title(f"Confusion: {title}", loc="left")
    bar = figure.colorbar(image, shrink=0.6)
    bar.set_label("percent of the class's pixels")
    return figure
