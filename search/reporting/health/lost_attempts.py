"""Did trials fail, or did attempts get lost?"""

from collections import Counter

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import show
from search.reporting.study_details import StudyDetails

__all__ = ["LOST_ATTEMPTS"]

#: Reasons that are not a fault: the first attempt, and one that continues after a pause.
EXPECTED = ("new", "queued", "adopted")
#: Share of failed trials above which something is wrong with the machine or the settings.
MANY = 0.1


def examine(details: StudyDetails) -> Finding:
    """Count failed trials, and attempts that were repeated."""
    view = details.view
    reasons = Counter(why for trial in view.trials for why in trial.attempts)
    lost = {why: count for why, count in reasons.items() if why not in EXPECTED}
    ended = view.counts.finished + view.counts.failed
    repeated = ", ".join(f"{count} {why}" for why, count in sorted(lost.items()))
    line = f"{view.counts.failed} trials failed" + f"; attempts repeated: {repeated}" * bool(lost)
    if view.counts.failed > MANY * max(1, ended):
        return failed(line, show(details, "--failures"))
    if view.counts.failed or lost:
        return warned(line, show(details, "--failures"))
    return passed("no trial failed, and no attempt was lost")


LOST_ATTEMPTS = HealthCheck(
    name="lost-attempts", title="Did trials fail, or attempts get lost?", examine=examine
)
