"""Was the best trial confirmed with further seeds?"""

from search.quality.confirmed import confirmed
from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import confirm, more_trials
from search.reporting.study_details import StudyDetails

__all__ = ["SEEDS"]


def examine(details: StudyDetails) -> Finding:
    """Look for fresh runs of the best trials."""
    found = confirmed(details.view.confirmation)
    if details.view.best is None:
        return warned("not known: no trial is complete", more_trials(details, 20))
    if found is None:
        return warned("each trial was trained with one seed", confirm(details))
    line = f"{found.best.name} reaches {found.best.mean:.2f} on {len(found.best.values)} seeds"
    if found.done < found.planned:
        return warned(f"{line}; {found.planned - found.done} runs are missing", confirm(details))
    return passed(line)


SEEDS = HealthCheck(
    name="one-seed", title="Was the best trial confirmed with further seeds?", examine=examine
)
