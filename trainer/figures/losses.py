"""Loss of each modality over the iterations of a run (the paper's Fig. 3)."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from trainer.figures.canvas import INK, new_figure
from trainer.figures.colour import SAFE_PALETTE, web_colour
from trainer.records import Report

__all__ = ["draw_losses"]

MARKERS = "osD^vP*X"  # in addition to the colour


def draw_losses(reports: Sequence[Report], title: str) -> Figure:
    """One line per loss term, and one for their sum, of the means between evaluations.

    Args:
        reports: One per evaluation; old reports without terms show only the sum.
        title: Name of the run.
    """
    figure = new_figure(7, 3.6)
    axes = figure.add_subplot()
    names = list(dict.fromkeys(name for report in reports for name in report.terms))
    iterations = [report.iteration for report in reports]
    for place, name in enumerate(names):
        axes.plot(
            iterations,
            [report.terms.get(name, math.nan) for report in reports],
            label=name,
            color=web_colour(SAFE_PALETTE[place % len(SAFE_PALETTE)]),
            marker=MARKERS[place % len(MARKERS)],
            markersize=4,
        )
    if len(names) != 1:
        total = [report.loss for report in reports]
        axes.plot(iterations, total, label="sum", color=INK, linestyle="--", linewidth=1)
    axes.set_xlim(0, None)
    axes.set_xlabel("iteration")
    axes.set_ylabel("weighted loss, mean since the\nevaluation before")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Loss of each modality: {title}", loc="left")
    figure.legend(loc="outside right upper")
    return figure
