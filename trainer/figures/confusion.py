"""Confusion matrix of classes and predictions (the paper's Fig. 5)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.figures.canvas import new_figure, set_note
from trainer.figures.shown_counts import confusion_shares
from trainer.figures.wording import left_out_text

__all__ = ["draw_confusion"]

MAP = "cividis"  # even steps of lightness, the same for colour-blind readers
FEW = 15  # classes up to which every cell shows its number; with more, cells of at least a percent


def draw_confusion(
    counts_YZ: NDArray[np.int64], classes: Sequence[str], predictions: Sequence[str], title: str
) -> Figure:
    """Shares of each class's pixels by prediction in percent; rows add up to 100.

    Classes without a labelled pixel have no row, and names that are neither predicted nor a row
    have no column; a note gives the number of classes left out.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each prediction (column).
        classes: Names of the Y classes.
        predictions: Names of the Z predictions: the classes, then clusters without a class.
        title: Name of the run and the probe.
    """
    shown = confusion_shares(counts_YZ)
    rows, columns = shown.rows, shown.columns
    figure = new_figure(2.6 + 0.4 * len(columns), 2.0 + 0.4 * len(rows))
    axes = figure.add_subplot()
    image = axes.imshow(shown.percent, cmap=MAP, vmin=0, vmax=100)
    _write_numbers(axes, shown.percent)
    names = [predictions[column] for column in columns]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [classes[row] for row in rows])
    axes.set_xlabel("prediction")
    axes.set_ylabel("ground truth")
    axes.set_title(f"Confusion: {title}", loc="left")
    bar = figure.colorbar(image, shrink=0.6)
    bar.set_label("percent of the class's pixels")
    set_note(figure, left_out_text(len(counts_YZ) - len(rows), "without a labelled pixel"))
    return figure


def _write_numbers(axes: Axes, percent: NDArray[np.float64]) -> None:
    for row, column in np.ndindex(percent.shape):
        value = percent[row, column]
        if len(percent) <= FEW or value >= 1:
            axes.text(
                column,
                row,
                f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="black" if value > 50 else "white",
            )
