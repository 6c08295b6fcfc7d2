"""Has the search ended?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import resume
from search.reporting.study_details import StudyDetails

__all__ = ["RUNNING"]


def examine(details: StudyDetails) -> Finding:
    """Whether the report shows a final state."""
    view = details.view
    so_far = f"{view.counts.finished} of {view.target} trials"
    if view.state == "running":
        line = f"still running: {so_far}; everything here may change"
        return warned(line, view.command("attach"))
    if view.state == "paused":
        return warned(f"paused: {so_far}, and no process drives it", resume(details))
    return passed(f"finished: {so_far}")


RUNNING = HealthCheck(name="running", title="Has the search ended?", examine=examine)
