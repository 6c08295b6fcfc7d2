"""Charts of a study's report. A new chart is one file and one line in the table."""

from search.reporting.charts.chart import Chart, ChartInputs, DrawCharts
from search.reporting.charts.collapse_map import draw_collapse_map
from search.reporting.charts.compute import draw_compute
from search.reporting.charts.contours import draw_contours
from search.reporting.charts.history import draw_history
from search.reporting.charts.importance import draw_importances
from search.reporting.charts.scores import draw_scores
from search.reporting.charts.slices import draw_slices
from search.reporting.charts.timeline import draw_timeline

__all__ = ["CHARTS", "Chart", "ChartInputs"]

#: Every chart of one study, in the order of the report.
CHARTS: tuple[DrawCharts, ...] = (
    draw_history,
    draw_scores,
    draw_importances,
    draw_slices,
    draw_contours,
    draw_collapse_map,
    draw_timeline,
    draw_compute,
)
