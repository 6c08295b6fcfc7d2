"""The commands that several health checks suggest."""

from search.reporting.study_details import StudyDetails
from trainer.console.shell import search_command, shell_text

__all__ = ["confirm", "launch_other", "more_trials", "resume", "show"]


def more_trials(details: StudyDetails, trials: int) -> str:
    """Continue the search to a higher target; where nothing is searched, only seeds differ."""
    if details.view.nothing_searched:
        return confirm(details)
    target = max(details.view.target, details.view.counts.finished) + trials
    return shell_text(search_command("resume", "--trials", target, study=details.view.name))


def resume(details: StudyDetails) -> str:
    """Continue the search."""
    return shell_text(search_command("resume", study=details.view.name))


def show(details: StudyDetails, *options: str) -> str:
    """Show the state of the study."""
    return shell_text(search_command("status", *options, study=details.view.name))


def launch_other(*options: str) -> str:
    """Start another search."""
    return shell_text(search_command("launch", *options))


def confirm(details: StudyDetails, *options: object) -> str:
    """Train the best trials again with fresh seeds, beside the defaults and k-means."""
    return shell_text(search_command("confirm", *options, study=details.view.name))
