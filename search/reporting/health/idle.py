"""Were workers idle between trials?"""

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.measures import blocks, idle_share
from search.reporting.study_details import StudyDetails

__all__ = ["IDLE"]

#: Shares of the seats' time.
MUCH, MOST = 0.1, 0.4


def examine(details: StudyDetails) -> Finding:
    """The share of time in which a seat had no trial although one could have been sampled."""
    found = blocks(details)
    fix = details.view.command("doctor", named=False)
    if len(found) < 2:
        return warned("not known: too few trials have run", fix)
    share = idle_share(found)
    line = f"seats had no trial in {100 * share:.0f} % of the time between first and last one"
    if share <= MUCH:
        return passed(line)
    return (failed if share > MOST else warned)(line, fix)


IDLE = HealthCheck(name="idle", title="Were workers idle?", examine=examine)
