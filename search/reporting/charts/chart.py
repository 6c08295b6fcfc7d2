"""A chart of the report, and the marks that all charts share."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from search.reporting.study_details import StudyDetails

__all__ = ["COLOURS", "Chart", "ChartInputs", "DrawCharts", "scatter_outcomes", "show_legend"]

#: Colour and marker of each outcome, in the order of drawing.
COLOURS: Mapping[str, tuple[str, str]] = {
    "collapsed": ("#c53030", "x"),
    "underperforming": ("#a0aec0", "v"),
    "failed": ("#1a202c", "P"),
    "not counted": ("#805ad5", "d"),
    "imported": ("#b7791f", "^"),
    "running": ("#38a169", "s"),
    "complete": ("#2b6cb0", "o"),
}


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
    axes: Axes, points: Mapping[str, tuple[list[float], list[float]]], *, size: float = 16.0
) -> None:
    """Draw points by outcome: their x and y values."""
    for outcome, (colour, marker) in COLOURS.items():
        x, y = points.get(outcome, ((), ()))
        if x:
            axes.scatter(
                x, y, s=size, c=colour, marker=marker, alpha=0.8, linewidths=0.8,
                label=f"{outcome} ({len(x)})", edgecolors="none" if marker != "x" else None,
            )  # fmt: skip


def show_legend(axes: Axes, *, outside: bool = True) -> None:
    """Show the legend, beside the axes or inside them."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    if outside:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    else:
        axes.legend(handles, labels, fontsize=8)
