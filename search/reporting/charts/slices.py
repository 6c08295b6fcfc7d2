"""Values over each of the most important hyper-parameters."""

from collections.abc import Iterator

from matplotlib.ticker import NullFormatter

from search.reporting.charts.chart import Chart, ChartInputs, scatter_outcomes
from search.reporting.measures import outcome_of
from trainer.figures.canvas import new_figure

__all__ = ["draw_slices"]

SHOWN, COLUMNS = 6, 3


def draw_slices(inputs: ChartInputs) -> Iterator[Chart]:
    """One plot per hyper-parameter, with its default as a line."""
    view, details = inputs.details.view, inputs.details
    ended = [trial for trial in view.trials if trial.ended and trial.value is not None]
    names = inputs.leading[:SHOWN]
    if not ended or not names:
        return
    rows = -(-len(names) // COLUMNS)
    figure = new_figure(9.5, 0.4 + 2.3 * rows)
    known = {parameter.name: parameter for parameter in details.hyper_parameters}
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        axes.set_xscale("log" if known[name].log else "linear")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(known[name].low, known[name].high)
        points: dict[str, tuple[list[float], list[float]]] = {}
        for trial in ended:
            if name in trial.params and trial.value is not None:
                x, y = points.setdefault(outcome_of(trial), ([], []))
                x.append(trial.params[name])
                y.append(trial.value)
        scatter_outcomes(axes, points, size=9)
        axes.axvline(known[name].default, color="#718096", linewidth=0.8, linestyle=":")
        axes.set_xlabel(name)
        axes.grid(alpha=0.25)
    figure.supylabel(view.objective_title, fontsize=9)
    note = (
        "All ended trials, marked as in the history. The dotted line is the default. A slice shows"
        " where good trials lie, not what the value alone causes."
    )
    yield Chart(name="slices", title="Slices", note=note, figure=figure)
