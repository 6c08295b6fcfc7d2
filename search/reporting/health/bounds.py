"""Does the best trial lie near a bound of the search space?"""

from collections.abc import Iterator

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_other, more_trials
from search.reporting.measures import full_runs
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from trainer.hyper_parameters import HyperParameter

__all__ = ["BOUNDS"]

#: Share of a range that counts as near its bound.
EDGE = 0.05
#: The best trials that are compared with the best one.
TOP = 10
#: Of those, so many at the same bound mean that the optimum lies beyond it.
MANY = 5


def examine(details: StudyDetails) -> Finding:
    """Find the hyper-parameters of the best trial that lie near a bound."""
    top = full_runs(details.view)[:TOP]
    if not top:
        return warned("not known: no trial is complete", more_trials(details, 20))
    found = list(_near(details, top))
    if not found:
        return passed(f"no hyper-parameter of trial {top[0].number} is near a bound")
    parameter, upper, count = max(found, key=lambda item: item[2])
    bound = parameter.high if upper else parameter.low
    others = f"; {len(found) - 1} more of its hyper-parameters are" * (len(found) > 1)
    line = (
        f"{parameter.name} = {top[0].params[parameter.name]:.4g} is within {100 * EDGE:.0f} % of"
        f" its {'upper' if upper else 'lower'} bound {bound:g}, as in {count} of the best"
        f" {len(top)}{others}"
    )
    return (failed if count >= MANY else warned)(line, _fix(details, parameter, upper=upper))


def _near(
    details: StudyDetails, top: tuple[TrialView, ...]
) -> Iterator[tuple[HyperParameter, bool, int]]:
    """Each hyper-parameter near a bound, which bound, and how many of the best share it."""
    for parameter in details.hyper_parameters:
        for upper in (False, True):
            near = [_is_near(parameter, trial, upper=upper) for trial in top]
            is_natural = not upper and parameter.low == 0  # the term is off: nothing lies beyond
            if near[0] and not is_natural:
                yield parameter, upper, sum(near)


def _is_near(parameter: HyperParameter, trial: TrialView, *, upper: bool) -> bool:
    if parameter.name not in trial.params:
        return False
    place = parameter.share(trial.params[parameter.name])
    return place >= 1 - EDGE if upper else place <= EDGE


def _fix(details: StudyDetails, parameter: HyperParameter, *, upper: bool) -> str:
    """A wider range if the user chose the range, else a search with the value fixed there."""
    low, high = parameter.low, parameter.high
    ranges = details.setting("search.ranges") or {}
    if parameter.name not in ranges:
        return launch_other(details, "--fix", f"{parameter.name}={high if upper else low:g}")
    reach = high - low
    if parameter.log:
        low, high = (low, high * 10) if upper else (low / 10, high)
    else:
        low, high = (low, high + reach) if upper else (low - reach, high)
    return launch_other(details, "--range", f"{parameter.name}={low:g}:{high:g}")


BOUNDS = HealthCheck(
    name="near-bound", title="Is the best trial near a bound of the space?", examine=examine
)
