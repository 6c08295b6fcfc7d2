"""Values in the order of the trials, with pruned, collapsed and failed ones marked."""

from collections.abc import Iterator

from search.reporting.charts.chart import Chart, ChartInputs, scatter_outcomes, show_legend
from search.reporting.measures import outcome_of
from trainer.figures.canvas import new_figure

__all__ = ["draw_history"]


def draw_history(inputs: ChartInputs) -> Iterator[Chart]:
    """Each trial's value by its number, and the best value so far."""
    view = inputs.details.view
    points: dict[str, tuple[list[float], list[float]]] = {}
    best: list[tuple[int, float]] = []
    for trial in view.trials:
        value = trial.value if trial.ended else trial.scores.get(max(trial.scores, default=0))
        if value is None:
            continue
        x, y = points.setdefault(outcome_of(trial), ([], []))
        x.append(trial.number)
        y.append(value)
        if trial.state == "complete" and trial.counted and (not best or value > best[-1][1]):
            best.append((trial.number, value))
    if not points:
        return
    figure = new_figure(9.5, 3.6)
    axes = figure.add_subplot()
    scatter_outcomes(axes, points)
    if best:
        numbers = [number for number, _ in best] + [view.trials[-1].number]
        values = [value for _, value in best] + [best[-1][1]]
        axes.step(numbers, values, where="post", color="#dd6b20", label="best so far")
    axes.set(xlabel="trial", ylabel=view.objective_title)
    axes.set_xlim(-0.5, max(trial.number for trial in view.trials) + 0.5)
    axes.grid(alpha=0.25)
    show_legend(axes)
    note = "A pruned trial is shown with its last score. Trial 0 has the default values."
    yield Chart(name="history", title="History", note=note, figure=figure)
