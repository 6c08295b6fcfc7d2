"""Several studies in one plot: the best value so far, over the iterations that it took."""

import itertools
from collections.abc import Sequence

from search.reporting.charts.chart import Chart
from search.reporting.measures import iterations_of
from search.reporting.study_details import StudyDetails
from trainer.figures.canvas import new_figure

__all__ = ["draw_compared"]


def draw_compared(studies: Sequence[StudyDetails]) -> Chart:
    """A line per study; studies with several objectives cannot be compared by value."""
    figure = new_figure(9.5, 3.6)
    axes = figure.add_subplot()
    for details, style in zip(studies, itertools.cycle(("-", "--", ":", "-.")), strict=False):
        spent, best = 0, float("-inf")
        x: list[float] = []
        y: list[float] = []
        for trial in details.view.trials:
            spent += iterations_of(details, trial)
            if trial.state == "complete" and trial.counted and trial.value is not None:
                best = max(best, trial.value)
            if best > float("-inf"):
                x.append(spent)
                y.append(best)
        if x:
            axes.step(x, y, where="post", linestyle=style, label=details.view.name)
    axes.set(xlabel="iterations trained", ylabel="best value so far")
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="lower right")
    note = (
        "Compare studies where they have trained the same number of iterations, not at their ends."
    )
    return Chart(name="compared", title="Best value so far", note=note, figure=figure)
