"""A chart of the report, and the marks that all charts share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.reporting.outcome_marks import MARKS
from search.reporting.study_details import StudyDetails

__all__ = ["Chart", "ChartInputs", "DrawCharts", "scatter_outcomes", "show_legend"]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure with its name, which is also that of its file."""

    name: str
    title: str
    #: How to read it, in a sentence or two.
    note: str
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class ChartInputs:
    """What charts of one study are drawn from."""

    details: StudyDetails
    #: Importances by evaluator, then by hyper-parameter.
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    #: The most important hyper-parameters.
    leading: tuple[str, ...] = ()


DrawCharts = Callable[[ChartInputs], Iterator[Chart]]


def scatter_outcomes(
    axes: Axes,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    size: float = 16.0,
) -> None:
    """Draw points by outcome: their x and y values."""
    for outcome, mark in MARKS.items():
        x, y = points.get(outcome, ((), ()))
        if x:
            axes.scatter(
                x, y, s=size, c=mark.colour, marker=mark.marker, alpha=0.8, linewidths=0.8,
                label=f"{outcome} ({len(x)})", edgecolors="none" if mark.marker != "x" else None,
            )  # fmt: skip


def show_legend(axes: Axes) -> None:
    """Show the legend, if there is any, beside the axes."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
