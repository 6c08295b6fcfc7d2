"""Is the best value one lucky evaluation?"""

import statistics

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import confirm, launch_other, more_trials
from search.reporting.measures import full_runs, last_scores, noise, value_of
from search.reporting.study_details import StudyDetails

__all__ = ["LUCKY"]

#: Standard deviations of a run's last scores above which a value looks lucky.
SURPRISING = 2.0


def examine(details: StudyDetails) -> Finding:
    """Compare the best trial's value with the median of its last scores."""
    runs = full_runs(details.view)
    scores = last_scores(runs[0]) if runs else []
    spread = noise(details.view)
    if not scores or spread is None:
        return warned("not known: too few full runs", more_trials(details, 20))
    best, typical = value_of(runs[0]), statistics.median(scores)
    line = (
        f"the best value is {best:.2f}, the median of that run's last {len(scores)} scores is"
        f" {typical:.2f} (typical deviation {spread:.2f})"
    )
    if best - typical <= SURPRISING * spread:
        return passed(line)
    if details.setting("evaluation.report") == "best":
        fix = launch_other(details, "--config", "last.toml")
        return failed(f'{line}; [evaluation] report = "last" does not reward luck', fix)
    return warned(line, confirm(details))


LUCKY = HealthCheck(
    name="lucky-evaluation", title="Is the best value one lucky evaluation?", examine=examine
)
