"""Values over pairs of the most important hyper-parameters."""

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from search.reporting.charts.chart import Chart, ChartInputs
from search.reporting.measures import full_runs, value_of
from trainer.figures.canvas import new_figure
from trainer.hyper_parameters import HyperParameter

__all__ = ["draw_contours"]

LEADING = 3  # hyper-parameters, all pairs of which are drawn
LEAST_RUNS, LEVELS = 15, 12
#: Values below this quantile share the darkest colour, so that the best region stays visible.
DARKEST = 0.1


def draw_contours(inputs: ChartInputs) -> Iterator[Chart]:
    """A contour plot of the full runs for each pair."""
    details = inputs.details
    names = inputs.leading[:LEADING]
    runs = [
        trial for trial in full_runs(details.view) if all(name in trial.params for name in names)
    ]
    pairs = list(itertools.combinations(names, 2))
    if len(runs) < LEAST_RUNS or not pairs:
        return
    known = {parameter.name: parameter for parameter in details.hyper_parameters}
    values = np.array([value_of(trial) for trial in runs])
    levels = np.linspace(np.quantile(values, DARKEST), values.max() + 1e-9, LEVELS)
    if levels[-1] - levels[0] <= 1e-9:
        return
    figure = new_figure(9.5, 3.3)
    drawn = None
    for index, (first, second) in enumerate(pairs):
        axes = figure.add_subplot(1, len(pairs), index + 1)
        places = [
            np.array([known[name].share(trial.params[name]) for trial in runs])
            for name in (first, second)
        ]
        drawn = _contour(axes, places[0], places[1], values, levels) or drawn
        axes.plot(places[0][0], places[1][0], "*", color="#dd6b20", markersize=11)
        _label(axes, known[first], known[second])
    if drawn is not None:
        figure.colorbar(drawn, ax=figure.axes, label=details.view.objective_title, format="%.3g")
    note = "Full runs alone, interpolated between them; the star is the best trial."
    yield Chart(name="contours", title="Contours of pairs", note=note, figure=figure)


def _contour(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.float64],
    levels: NDArray[np.float64],
) -> ScalarMappable | None:
    """Contours over a triangulation; None where all points lie on a line."""
    axes.plot(x, y, ".", color="#1a202c", markersize=2, alpha=0.6)
    try:
        triangles = Triangulation(x, y)
    except (RuntimeError, ValueError):
        return None
    return axes.tricontourf(triangles, values, levels=levels, cmap="viridis", extend="min")


def _label(axes: Axes, first: HyperParameter, second: HyperParameter) -> None:
    """Ticks in the units of the hyper-parameters; the axes run from 0 to 1."""
    places = (0.0, 0.5, 1.0)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=first.name, ylabel=second.name)
    axes.set_xticks(places, [_value_text(first, place) for place in places])
    axes.set_yticks(places, [_value_text(second, place) for place in places])


def _value_text(parameter: HyperParameter, place: float) -> str:
    low, high = parameter.low, parameter.high
    value = low * (high / low) ** place if parameter.log else low + place * (high - low)
    return f"{value:.3g}"
