"""The map of collapse for optuna-dashboard, as Plotly's JSON; Plotly itself is not needed."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from search.reporting.collapse_panels import COLUMNS, TITLE, CollapsePanel, collapse_panels
from search.reporting.outcome_marks import MARKS
from search.reporting.study_view import StudyView

__all__ = ["collapse_plot"]

HEIGHT = 260  # pixels of a row
GAP = 0.12  # between two panels, of the whole: a number and the name of an axis fit
DIGITS = 4  # of a value: the plot is stored with the study


def collapse_plot(view: StudyView) -> str | None:
    """The plot; None for a study without a pair of λ and b, or before the first end."""
    panels = collapse_panels(view)
    if not panels:
        return None
    rows = -(-len(panels) // COLUMNS)
    layout: dict[str, Any] = {
        "title": {"text": TITLE},
        "height": 120 + HEIGHT * rows,
        "margin": {"l": 50, "r": 10, "t": 50},
        "legend": {"orientation": "h", "x": 0, "y": -0.3 / rows},
    }
    for index, panel in enumerate(panels):
        layout |= _axes(index, panel, rows)
    plot = {"data": list(_traces(panels)), "layout": layout}
    return json.dumps(plot, separators=(",", ":"), ensure_ascii=False)


def _axes(index: int, panel: CollapsePanel, rows: int) -> dict[str, Any]:
    """Both axes of a panel, with its place."""
    row, column = divmod(index, COLUMNS)
    suffix = _suffix(index)
    return {
        f"xaxis{suffix}": {
            "domain": _part(column, COLUMNS),
            "anchor": f"y{suffix}",
            "title": {"text": panel.weight},
            "range": list(panel.weights),
        },
        f"yaxis{suffix}": {
            "domain": _part(rows - 1 - row, rows),
            "anchor": f"x{suffix}",
            "title": {"text": panel.threshold, "standoff": 2},
            "range": list(panel.thresholds),
        },
    }


def _traces(panels: Sequence[CollapsePanel]) -> Iterator[dict[str, Any]]:
    """The points of each panel and outcome; the legend lists an outcome once."""
    listed: set[str] = set()
    for index, panel in enumerate(panels):
        for outcome, mark in MARKS.items():
            if outcome not in panel.points:
                continue
            x, y = panel.points[outcome]
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": f"{outcome} ({len(x)})",
                "legendgroup": outcome,
                "showlegend": outcome not in listed,
                "x": [_short(value) for value in x],
                "y": [_short(value) for value in y],
                "xaxis": f"x{_suffix(index)}",
                "yaxis": f"y{_suffix(index)}",
                "marker": {
                    "color": mark.colour,
                    "symbol": mark.symbol,
                    "size": 7,
                    "opacity": 0.8,
                    "line": {"color": mark.colour, "width": 2 * mark.symbol.endswith("-open")},
                },
            }
            listed.add(outcome)


def _suffix(index: int) -> str:
    """What Plotly appends to the names of a panel's axes."""
    return str(index + 1) if index else ""


def _part(place: int, count: int) -> list[float]:
    """The part of the whole that one of several panels side by side takes."""
    width = (1 - GAP * (count - 1)) / count
    low = place * (width + GAP)
    return [round(low, 4), round(low + width, 4)]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
