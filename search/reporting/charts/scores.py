"""The score of every trial at each of its evaluations."""

from collections.abc import Iterator

from matplotlib.collections import LineCollection

from search.reporting.charts.chart import Chart, ChartInputs, show_legend
from search.reporting.measures import full_runs, outcome_of
from search.reporting.outcome_marks import MARKS
from trainer.figures.canvas import new_figure

__all__ = ["draw_scores"]

TOP = 3  # full runs that are named


def draw_scores(inputs: ChartInputs) -> Iterator[Chart]:
    """A line per trial, by outcome; the best full runs are named."""
    view = inputs.details.view
    lines: dict[str, list[list[tuple[float, float]]]] = {}
    for trial in view.trials:
        if trial.scores:
            found = [(float(step), score) for step, score in sorted(trial.scores.items())]
            lines.setdefault(outcome_of(trial), []).append(found)
    if not lines:
        return
    figure = new_figure(9.5, 3.6)
    axes = figure.add_subplot()
    for outcome, mark in reversed(list(MARKS.items())):
        if outcome in lines:
            label = f"{outcome} ({len(lines[outcome])})"
            axes.add_collection(
                LineCollection(
                    lines[outcome], colors=mark.colour, linewidths=0.6, alpha=0.35, label=label
                )
            )
            ends = [line[-1] for line in lines[outcome]]
            if outcome not in ("complete", "running"):
                axes.plot(*zip(*ends, strict=True), ".", color=mark.colour, markersize=3)
    for trial, style in zip(full_runs(view)[:TOP], ("-", "--", ":"), strict=False):
        steps = sorted(trial.scores)
        axes.plot(
            steps, [trial.scores[step] for step in steps], style, color="#dd6b20", linewidth=1.4,
            label=f"trial {trial.number}",
        )  # fmt: skip
    axes.autoscale_view()
    axes.set(xlabel="evaluation", ylabel=view.objective_title)
    axes.grid(alpha=0.25)
    show_legend(axes)
    note = "One line for each trial; a dot marks where it was stopped."
    yield Chart(name="scores", title="Scores by evaluation", note=note, figure=figure)
