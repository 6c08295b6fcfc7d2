"""Do the best trials crowd near a bound of the search space?"""

from search.quality.bounds import EDGE, MANY, TOP, CrowdedBound, crowded_bounds
from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_like, more_trials
from search.reporting.measures import full_runs
from search.reporting.study_details import StudyDetails
from trainer.hyper_parameters import HyperParameter

__all__ = ["BOUNDS", "wider_range"]


def examine(details: StudyDetails) -> Finding:
    """Find the bounds that the best trials are near to."""
    top = full_runs(details.view)[:TOP]
    if not top:
        return warned("not known: no trial is complete", more_trials(details, 20))
    found = crowded_bounds(details.hyper_parameters, [trial.params for trial in top])
    if not found:
        near = f"within {100 * EDGE:.0f} % of the same bound as trial {top[0].number}"
        return passed(f"few of the best {len(top)} runs are {near}")
    first, *others = found
    line = f"{first.text}{f', and {len(others)} more bounds are like it' * bool(others)}"
    fix = launch_like(details, *wider_range(details, first))
    return (failed if first.near >= MANY else warned)(line, fix)


def wider_range(details: StudyDetails, bound: CrowdedBound) -> tuple[str, str]:
    """The flags of a search beyond a bound.

    A range that the user chose can be wider. Where it is as wide as method and space allow, the
    value is fixed at the bound.
    """
    parameter, upper = bound.parameter, bound.upper
    low, high = parameter.low, parameter.high
    step = 10.0 if parameter.log else high - low
    limits = _limits(details, parameter)
    if upper:
        high = min(high * step if parameter.log else high + step, limits[1])
    else:
        low = max(low / step if parameter.log else low - step, limits[0])
    if (low, high) == (parameter.low, parameter.high):
        return "--fix", f"{parameter.name}={bound.value:g}"
    return "--range", f"{parameter.name}={low:g}:{high:g}"


def _limits(details: StudyDetails, parameter: HyperParameter) -> tuple[float, float]:
    """The range that method and space allow; that of the study if another version created it."""
    from search.config.configuration import known_config  # lazily: it imports samplers

    config = known_config(details.view.config)
    if config is None:
        return parameter.low, parameter.high
    own = config.declared().get(parameter.name, parameter)
    return own.low, own.high


BOUNDS = HealthCheck(
    name="near-bound", title="Is the best trial near a bound of the space?", examine=examine
)
