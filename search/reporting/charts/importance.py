"""How much each hyper-parameter matters."""

from collections.abc import Iterator

import numpy as np

from search.reporting.charts.chart import Chart, ChartInputs
from search.reporting.charts.evaluators import MOST_FOREST_RUNS
from trainer.figures.canvas import new_figure

__all__ = ["draw_importances"]

SHOWN = 15  # hyper-parameters
COLOURS = ("#2b6cb0", "#dd6b20")


def draw_importances(inputs: ChartInputs) -> Iterator[Chart]:
    """A bar per hyper-parameter and evaluator."""
    if not inputs.importances:
        return
    names = [name for name in inputs.leading if name][:SHOWN]
    figure = new_figure(9.5, 0.9 + 0.32 * len(names))
    axes = figure.add_subplot()
    places = np.arange(len(names))
    thick = 0.8 / len(inputs.importances)
    for index, (evaluator, found) in enumerate(inputs.importances.items()):
        shares = [found.get(name, 0.0) for name in names]
        axes.barh(places + index * thick, shares, thick, color=COLOURS[index % 2], label=evaluator)
    axes.set_yticks(places + 0.4 - thick / 2, names)
    axes.invert_yaxis()
    axes.set_xlabel("importance")
    axes.grid(alpha=0.25, axis="x")
    axes.legend(fontsize=8, loc="lower right")
    note = (
        "Over full runs alone. PED-ANOVA: what separates the best tenth from the others. fANOVA:"
        f" what explains the variance (a random forest on at most {MOST_FOREST_RUNS} full runs)."
        " Where they disagree, trust neither."
    )
    yield Chart(
        name="importances", title="Importance of hyper-parameters", note=note, figure=figure
    )
