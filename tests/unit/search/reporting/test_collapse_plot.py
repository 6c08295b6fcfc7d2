"""The map of collapse for the dashboard: the figure of the report, in Plotly's form."""

import itertools
import json
from typing import Any

import numpy as np

from search.reporting.charts import ChartInputs
from search.reporting.charts.collapse_map import draw_collapse_map
from search.reporting.collapse_panels import collapse_panels
from search.reporting.collapse_plot import collapse_plot
from search.reporting.outcome_marks import MARKS
from search.spaces import Space
from tests.fakes.memory_search import SPACE
from tests.unit.search.reporting.studies import collapsed, details_of, healthy_trials

DETAILS = details_of([*healthy_trials(), collapsed(90), collapsed(91)])


def plot() -> dict[str, Any]:
    text = collapse_plot(DETAILS.view)
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_has_the_points_of_the_report() -> None:
    (chart,) = draw_collapse_map(ChartInputs(details=DETAILS))
    drawn = [
        sum(np.shape(each.get_offsets())[0] for each in axes.collections)
        for axes in chart.figure.axes
    ]
    found: dict[str, int] = {}
    for trace in plot()["data"]:
        found[trace["xaxis"]] = found.get(trace["xaxis"], 0) + len(trace["x"])
        assert len(trace["x"]) == len(trace["y"])
    assert list(found.values()) == drawn and drawn[0] == len(DETAILS.view.trials)


def test_every_panel_has_axes_of_its_own_within_the_whole() -> None:
    view = details_of(view={"space": SPACE}).view
    text = collapse_plot(view)
    assert text is not None
    layout = json.loads(text)["layout"]
    panels = collapse_panels(view)
    axes = [layout[name] for name in ("xaxis", "xaxis2", "xaxis3")]
    assert len(panels) == len(axes) and "xaxis4" not in layout
    for panel, axis in zip(panels, axes, strict=True):
        assert axis["title"]["text"] == panel.weight
        assert axis["range"] == [-0.03, 1.03]
    parts = [axis["domain"] for axis in axes]
    assert parts[0][0] == 0 and parts[-1][1] == 1
    assert all(before[1] < after[0] for before, after in itertools.pairwise(parts))


def test_the_legend_lists_each_outcome_once_in_its_colour() -> None:
    listed = [trace for trace in plot()["data"] if trace["showlegend"]]
    assert [trace["legendgroup"] for trace in listed] == ["collapsed", "complete"]
    assert [trace["marker"]["color"] for trace in listed] == [
        MARKS["collapsed"].colour,
        MARKS["complete"].colour,
    ]


def test_there_is_none_without_a_pair_or_an_ended_trial() -> None:
    assert collapse_plot(details_of([]).view) is None
    assert collapse_plot(details_of(view={"space": Space(())}).view) is None
    assert collapse_plot(details_of(view={"space": None}).view) is None
