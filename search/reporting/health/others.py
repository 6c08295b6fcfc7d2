"""Did others queue or end trials?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import more_trials, show
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import WAITS

__all__ = ["OTHERS"]


def examine(details: StudyDetails) -> Finding:
    """Count the trials that somebody else queued, added or ended."""
    view = details.view
    waiting = sum(how == WAITS for how in view.queued.values())
    if waiting and view.state == "finished":
        line = f"{waiting} trials were queued after the last one had started, and never ran"
        return warned(line, more_trials(details, waiting))
    if view.counts.foreign:
        line = f"{view.counts.foreign} trials were added, ended or deleted by others: not counted"
        return warned(line, show(details))
    if view.queued:
        return passed(f"{len(view.queued)} trials were queued by others, and count like any other")
    return passed("no trial was queued, added or ended by others")


OTHERS = HealthCheck(name="others", title="Did others change the study?", examine=examine)
