"""The marks of trials in charts, by their outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MARKS", "Mark", "colour_of"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How points of one outcome look."""

    #: ``#rrggbb``.
    colour: str
    #: The same shape by Matplotlib's name and by Plotly's.
    marker: str
    symbol: str


#: In the order of drawing.
MARKS: Mapping[str, Mark] = {
    "collapsed": Mark(colour="#c53030", marker="x", symbol="x-thin-open"),
    "underperforming": Mark(colour="#a0aec0", marker="v", symbol="triangle-down"),
    "failed": Mark(colour="#1a202c", marker="P", symbol="cross"),
    "not counted": Mark(colour="#805ad5", marker="d", symbol="diamond-tall"),
    "imported": Mark(colour="#b7791f", marker="^", symbol="triangle-up"),
    "running": Mark(colour="#38a169", marker="s", symbol="square"),
    "complete": Mark(colour="#2b6cb0", marker="o", symbol="circle"),
}
#: Colour of any other outcome.
OTHER = "#718096"


def colour_of(outcome: str) -> str:
    """The colour of an outcome."""
    return MARKS[outcome].colour if outcome in MARKS else OTHER
