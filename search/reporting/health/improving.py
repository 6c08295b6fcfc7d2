"""Is the search still improving?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import launch_like, more_trials
from search.reporting.study_details import StudyDetails

__all__ = ["IMPROVING"]

#: Trials below which a search has not settled yet.
EARLY = 20
#: The best trial in the last tenth: still improving. In the first half: no longer.
LATE, LONG_AGO = 0.9, 0.5


def examine(details: StudyDetails) -> Finding:
    """Find when the best trial was sampled."""
    view = details.view
    count = view.counts.finished
    if view.best is None or count < EARLY:
        line = f"too early to say: {count} trials are finished"
        return warned(line, more_trials(details, EARLY))
    last = max(trial.number for trial in view.trials if trial.ended and trial.counted)
    since = last - view.best.number
    line = f"trial {view.best.number} is the best; {since} trials came after it"
    if since <= (1 - LATE) * count:
        return warned(f"{line}: more are likely to find a better one", more_trials(details, 100))
    if since >= LONG_AGO * count:
        return warned(
            f"{line}: more of the same will hardly help; search other ranges or methods",
            launch_like(details, "--space", "per-modality"),
        )
    return passed(line)


IMPROVING = HealthCheck(
    name="improving", title="Was it found neither too late nor too early?", examine=examine
)
