"""Are there enough full runs to compare?"""

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import more_trials
from search.reporting.measures import full_runs
from search.reporting.study_details import StudyDetails

__all__ = ["FEW_RUNS"]

#: Fewer full runs than this say nothing; fewer than ENOUGH say little.
LEAST, ENOUGH = 3, 10


def examine(details: StudyDetails) -> Finding:
    """Count the full runs."""
    count, finished = len(full_runs(details.view)), details.view.counts.finished
    line = f"{count} of {finished} finished trials are full runs"
    if count and details.view.nothing_searched:
        return passed(f"{line}; nothing is searched, so one is enough")
    if count < LEAST:
        return failed(line, more_trials(details, 20))
    if count < ENOUGH:
        return warned(line, more_trials(details, 20))
    return passed(line)


FEW_RUNS = HealthCheck(name="few-full-runs", title="Are there enough full runs?", examine=examine)
