"""Where runs collapse: outcomes over each loss's weight λ and threshold b."""

from collections.abc import Iterator

from search.reporting.charts.chart import Chart, ChartInputs, scatter_outcomes, show_legend
from search.reporting.measures import outcome_of
from search.reporting.study_details import StudyDetails
from trainer.figures.canvas import new_figure

__all__ = ["draw_collapse_map"]

COLUMNS, MOST = 3, 9
MARGIN = 0.03  # of a range


def draw_collapse_map(inputs: ChartInputs) -> Iterator[Chart]:
    """One plot per pair of λ and b that the study searches."""
    details = inputs.details
    pairs = list(_pairs(details))[:MOST]
    ended = [trial for trial in details.view.trials if trial.ended]
    if not pairs or not ended:
        return
    rows = -(-len(pairs) // COLUMNS)
    figure = new_figure(9.5, 0.4 + 2.7 * rows)
    for index, (weight, threshold) in enumerate(pairs):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        points: dict[str, tuple[list[float], list[float]]] = {}
        for trial in ended:
            if weight in trial.params and threshold in trial.params:
                x, y = points.setdefault(outcome_of(trial), ([], []))
                x.append(trial.params[weight])
                y.append(trial.params[threshold])
        scatter_outcomes(axes, points, size=14)
        axes.set(
            xlabel=weight, ylabel=threshold, xlim=_limits(details, weight),
            ylim=_limits(details, threshold),
        )  # fmt: skip
        axes.grid(alpha=0.25)
        if index == min(COLUMNS, len(pairs)) - 1:
            show_legend(axes)
    note = (
        "λ weighs a loss, b is the similarity at which it turns from repelling to attracting. A"
        " region that is red throughout can be left out of the next search."
    )
    yield Chart(name="collapse", title="Map of collapse", note=note, figure=figure)


def _limits(details: StudyDetails, name: str) -> tuple[float, float]:
    """The range of a hyper-parameter, with a margin for the marks."""
    found = next(each for each in details.hyper_parameters if each.name == name)
    margin = MARGIN * (found.high - found.low)
    return found.low - margin, found.high + margin


def _pairs(details: StudyDetails) -> Iterator[tuple[str, str]]:
    names = [parameter.name for parameter in details.hyper_parameters]
    for name in names:
        other = name.replace("lambda_", "b_")
        if other != name and other in names:
            yield name, other
