"""When each seat ran which trial."""

import datetime
from collections.abc import Iterator

from matplotlib.patches import Patch

from search.reporting.charts.chart import Chart, ChartInputs
from search.reporting.measures import blocks, outcome_of
from search.reporting.outcome_marks import MARKS, colour_of
from trainer.figures.canvas import new_figure

__all__ = ["draw_timeline"]

#: Seconds of a unit, the smallest number of seconds for which it is used, and its name.
UNITS = ((3600.0, 3 * 3600.0, "hours"), (60.0, 300.0, "minutes"), (1.0, 0.0, "seconds"))


def draw_timeline(inputs: ChartInputs) -> Iterator[Chart]:
    """A bar per trial, on the row of its seat."""
    found = blocks(inputs.details)
    if not found:
        return
    first = min(block.began for block in found)
    length = max((block.ended - first).total_seconds() for block in found)
    unit, name = next((unit, name) for unit, least, name in UNITS if length >= least)

    def place(time: datetime.datetime) -> float:
        return (time - first).total_seconds() / unit

    seats = max(block.seat for block in found) + 1
    figure = new_figure(9.5, 1.2 + 0.3 * min(seats, 24))
    axes = figure.add_subplot()
    seen = dict.fromkeys(outcome_of(block.trial) for block in found)
    for outcome in seen:
        own = [block for block in found if outcome_of(block.trial) == outcome]
        axes.barh(
            [block.seat for block in own],
            [place(block.ended) - place(block.began) for block in own],
            left=[place(block.began) for block in own],
            height=0.8, color=colour_of(outcome), edgecolor="white",
            linewidth=0.3,
        )  # fmt: skip
    axes.set_yticks(range(seats), [f"seat {seat}" for seat in range(seats)])
    axes.set_ylim(seats - 0.5, -0.5)
    axes.set_xlabel(f"{name} since the first trial ({first:%Y-%m-%d %H:%M} on the driver's clock)")
    handles = [
        Patch(color=mark.colour, label=outcome)
        for outcome, mark in MARKS.items()
        if outcome in seen
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    note = (
        "Reconstructed: the database stores when a trial was sampled and when it ended, but not"
        " which seat ran it. A trial that was running while the search was paused spans the pause."
    )
    yield Chart(name="timeline", title="Timeline of workers", note=note, figure=figure)
