"""How many runs collapsed, and where?"""

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_like, show
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from trainer.hyper_parameters import HyperParameter

__all__ = ["COLLAPSED"]

#: Shares of the finished trials.
MANY, MOST = 0.3, 0.6
#: Trials below which shares say little.
LEAST = 10
#: Collapsed runs below which their place is chance.
FEW = 5
#: How often a collapsed run lies on the same side of a healthy one, for that side to be named.
TELLING = 0.7


def examine(details: StudyDetails) -> Finding:
    """The share of collapsed runs, and the hyper-parameter that tells them apart best."""
    collapsed = [trial for trial in details.view.trials if trial.kind == "collapsed"]
    healthy = [
        trial
        for trial in details.view.trials
        if trial.counted and (trial.state == "complete" or trial.kind == "behind")
    ]
    count = len(collapsed) + len(healthy)
    if count == 0:
        return warned("not known: no trial is finished", show(details))
    share = len(collapsed) / count
    where, fix = _where(details, collapsed, healthy)
    line = f"{len(collapsed)} of {count} runs collapsed ({100 * share:.0f} %){where}"
    if share <= MANY or count < LEAST:
        return passed(line)
    return (failed if share > MOST else warned)(line, fix)


def _where(
    details: StudyDetails, collapsed: list[TrialView], healthy: list[TrialView]
) -> tuple[str, str]:
    """Where runs collapse, and a command that searches elsewhere."""
    sides = [
        (_share_above(parameter, collapsed, healthy), parameter)
        for parameter in details.hyper_parameters
    ]
    if len(collapsed) < FEW or not healthy or not sides:
        return "", show(details)
    above, parameter = max(sides, key=lambda side: abs(side[0] - 0.5))
    if max(above, 1 - above) < TELLING:
        return ", at no particular place", show(details)
    values = sorted(trial.params[parameter.name] for trial in collapsed)
    middle = values[len(values) // 2]
    is_high = above > 0.5
    low, high = (parameter.low, middle) if is_high else (middle, parameter.high)
    return (
        f", half of them at {parameter.name} {'≥' if is_high else '≤'} {middle:.3g}",
        launch_like(details, "--range", f"{parameter.name}={low:.3g}:{high:.3g}"),
    )


def _share_above(
    parameter: HyperParameter, collapsed: list[TrialView], healthy: list[TrialView]
) -> float:
    """How often a collapsed run has a larger value than a healthy one, from 0 to 1."""
    ours, theirs = (
        [trial.params[parameter.name] for trial in trials if parameter.name in trial.params]
        for trials in (collapsed, healthy)
    )
    pairs = [(mine > other) + 0.5 * (mine == other) for mine in ours for other in theirs]
    return sum(pairs) / len(pairs) if pairs else 0.5


COLLAPSED = HealthCheck(
    name="collapsed", title="How many runs collapsed, and where?", examine=examine
)
