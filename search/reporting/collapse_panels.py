"""Where runs collapse: outcomes over each loss's weight λ and threshold b, as plain data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from search.reporting.measures import outcome_of
from search.reporting.study_view import StudyView

__all__ = ["COLUMNS", "NOTE", "TITLE", "CollapsePanel", "collapse_panels"]

TITLE = "Map of collapse"
NOTE = (
    "λ weighs a loss, b is the similarity at which it turns from repelling to attracting. A"
    " region that is red throughout can be left out of the next search."
)
#: Panels side by side, and the most of all.
COLUMNS, MOST = 3, 9
MARGIN = 0.03  # of a range


@dataclass(frozen=True, kw_only=True)
class CollapsePanel:
    """One pair of λ and b that the study searches."""

    #: Names of both.
    weight: str
    threshold: str
    #: What to show of each axis, wider than its range by a margin for the marks.
    weights: tuple[float, float]
    thresholds: tuple[float, float]
    #: Values of both by outcome.
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]]


def collapse_panels(view: StudyView) -> tuple[CollapsePanel, ...]:
    """The panels of a study; none if it searches no such pair, or before the first end."""
    space = () if view.space is None else view.space.hyper_parameters
    ranges = {each.name: (each.low, each.high) for each in space}
    ended = [trial for trial in view.trials if trial.ended]
    if not ended:
        return ()
    panels = []
    for weight, threshold in list(_pairs(ranges))[:MOST]:
        points: dict[str, tuple[list[float], list[float]]] = {}
        for trial in ended:
            if weight in trial.params and threshold in trial.params:
                x, y = points.setdefault(outcome_of(trial), ([], []))
                x.append(trial.params[weight])
                y.append(trial.params[threshold])
        panels.append(
            CollapsePanel(
                weight=weight,
                threshold=threshold,
                weights=_widened(ranges[weight]),
                thresholds=_widened(ranges[threshold]),
                points=points,
            )
        )
    return tuple(panels)


def _pairs(names: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in names:
        other = name.replace("lambda_", "b_")
        if other != name and other in names:
            yield name, other


def _widened(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    margin = MARGIN * (high - low)
    return low - margin, high + margin
