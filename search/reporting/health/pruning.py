"""Would the pruner have stopped one of the best trials?"""

from search.quality.audit import NotAudited
from search.reporting.assessment_text import audit_text
from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_like, show
from search.reporting.pruning_audit import LEAST_RUNS, audit_of
from search.reporting.study_details import StudyDetails

__all__ = ["PRUNING"]


def examine(details: StudyDetails) -> Finding:
    """Read the audit of the immune full runs."""
    found = audit_of(details.view)
    if isinstance(found, NotAudited):
        if found.nothing_to_lose:
            return passed(found.reason)
        return warned(f"not known: {found.reason}", show(details))
    line = audit_text(found)
    fix = launch_like(details, "--pruner", "none")
    best = details.view.best
    if best is not None and best.number in found.stopped:
        return failed(line, fix)
    if found.lost:
        return warned(line, fix)
    if found.runs < LEAST_RUNS:
        return warned(f"too few runs to know: {line}", show(details))
    return passed(line)


PRUNING = HealthCheck(
    name="pruning", title="Would pruning have lost a top trial?", examine=examine
)
