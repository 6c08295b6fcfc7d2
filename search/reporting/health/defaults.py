"""Is the best trial better than the default values?"""

import math

from search.records.jobs import DEFAULTS as REFERENCE
from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import more_trials
from search.reporting.health.references import against_reference
from search.reporting.measures import full_runs, noise, value_of
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView

__all__ = ["DEFAULTS"]


def examine(details: StudyDetails) -> Finding:
    """Compare with the default values: fresh runs if there are any, else single trials."""
    confirmed = against_reference(
        details, REFERENCE, "the default values", fix=more_trials(details, 100)
    )
    if confirmed is not None:
        return confirmed
    runs, spread = full_runs(details.view), noise(details.view) or 0.0
    found = [trial for trial in details.view.trials if is_default(details, trial)]
    if not runs or not found or not found[0].ended:
        return warned("not known: no full run to compare", more_trials(details, 20))
    first = found[0]
    if first.state != "complete":
        return passed(f"the default values (trial {first.number}) did not train to their end")
    gain = value_of(runs[0]) - value_of(first)
    line = f"the best trial is {gain:.2f} above the default values (trial {first.number})"
    if gain <= 0:
        return failed("no trial is better than the default values", more_trials(details, 100))
    if gain <= spread:
        line = f"{line}, within the deviation of a run's last scores ({spread:.2f})"
        return warned(line, more_trials(details, 100))
    return passed(line)


def is_default(details: StudyDetails, trial: TrialView) -> bool:
    """Whether a trial has the default values."""
    defaults = details.view.defaults
    return (
        bool(defaults)
        and trial.counted
        and trial.params.keys() == defaults.keys()
        and all(math.isclose(trial.params[name], defaults[name]) for name in defaults)
    )


DEFAULTS = HealthCheck(
    name="defaults", title="Is it better than the default values?", examine=examine
)
