"""Has the search ended?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import resume
from search.reporting.study_details import StudyDetails
from trainer.console.shell import search_command, shell_text

__all__ = ["RUNNING"]


def examine(details: StudyDetails) -> Finding:
    """Whether the report shows a final state."""
    view = details.view
    so_far = f"{view.counts.finished} of {view.target} trials"
    if view.state == "running":
        attach = shell_text(search_command("attach", study=view.name))
        return warned(f"still running: {so_far}; everything here may change", attach)
    if view.state == "paused":
        return warned(f"paused: {so_far}, and no process drives it", resume(details))
    return passed(f"finished: {so_far}")


RUNNING = HealthCheck(name="running", title="Has the search ended?", examine=examine)
