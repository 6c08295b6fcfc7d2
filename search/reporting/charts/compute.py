"""Compute spent and saved, by outcome."""

from collections.abc import Iterator

from search.reporting.charts.chart import Chart, ChartInputs
from search.reporting.measures import compute_of
from search.reporting.outcome_marks import colour_of
from trainer.figures.canvas import new_figure

__all__ = ["draw_compute"]


def draw_compute(inputs: ChartInputs) -> Iterator[Chart]:
    """Iterations trained, and those that stopping a trial saved."""
    found = compute_of(inputs.details)
    trained = sum(each.trained for each in found.values())
    planned = sum(each.planned for each in found.values())
    if not planned:
        return
    figure = new_figure(9.5, 0.9 + 0.35 * len(found))
    axes = figure.add_subplot()
    for index, (outcome, each) in enumerate(found.items()):
        colour = colour_of(outcome)
        axes.barh(index, each.trained, color=colour, height=0.7)
        axes.barh(
            index, each.saved, left=each.trained, color="none", edgecolor=colour, hatch="///",
            height=0.7, linewidth=0.6,
        )  # fmt: skip
    axes.set_yticks(
        range(len(found)), [f"{outcome} ({each.trials})" for outcome, each in found.items()]
    )
    axes.invert_yaxis()
    axes.set_xlim(0, max(each.planned for each in found.values()) * 1.02)
    axes.set_xlabel("iterations: trained (filled), saved by stopping a trial (hatched)")
    note = (
        f"{trained:,} of {planned:,} planned iterations were trained"
        f" ({100 * trained / planned:.0f} %)."
        " Stopping a trial that collapsed or was underperforming saved the hatched ones."
    )
    yield Chart(name="compute", title="Compute spent and saved", note=note, figure=figure)
