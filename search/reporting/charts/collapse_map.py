"""Where runs collapse: outcomes over each loss's weight λ and threshold b."""

from collections.abc import Iterator

from search.reporting.charts.chart import Chart, ChartInputs, scatter_outcomes, show_legend
from search.reporting.collapse_panels import COLUMNS, NOTE, TITLE, collapse_panels
from trainer.figures.canvas import new_figure

__all__ = ["draw_collapse_map"]


def draw_collapse_map(inputs: ChartInputs) -> Iterator[Chart]:
    """One plot per pair of λ and b that the study searches."""
    panels = collapse_panels(inputs.details.view)
    if not panels:
        return
    rows = -(-len(panels) // COLUMNS)
    figure = new_figure(9.5, 0.4 + 2.7 * rows)
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        scatter_outcomes(axes, panel.points, size=14)
        axes.set(
            xlabel=panel.weight, ylabel=panel.threshold, xlim=panel.weights,
            ylim=panel.thresholds,
        )  # fmt: skip
        axes.grid(alpha=0.25)
        if index == min(COLUMNS, len(panels)) - 1:
            show_legend(axes)
    yield Chart(name="collapse", title=TITLE, note=NOTE, figure=figure)
