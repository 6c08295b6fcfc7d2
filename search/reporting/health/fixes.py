"""The commands that several health checks suggest."""

from search.reporting import digest
from search.reporting.study_details import StudyDetails

__all__ = ["confirm", "launch_like", "launch_other", "more_trials", "resume", "show"]


def more_trials(details: StudyDetails, trials: int) -> str:
    """Finish what is left, or else more trials; where nothing is searched, only seeds differ."""
    if details.view.nothing_searched:
        return confirm(details)
    return digest.more_trials(details.view, trials)


def resume(details: StudyDetails) -> str:
    """Continue the search."""
    return details.view.command("resume")


def show(details: StudyDetails, *options: str) -> str:
    """Show the state of the study."""
    return details.view.command("status", *options)


def launch_other(details: StudyDetails, *options: str) -> str:
    """Start another search in the same database."""
    return details.view.command("launch", *options, named=False)


def launch_like(details: StudyDetails, *options: str) -> str:
    """Start another search with the settings of this one, but for some."""
    return launch_other(details, f"--like={details.view.name}", *options)


def confirm(details: StudyDetails, *options: object) -> str:
    """Train the best trials again with fresh seeds, beside the defaults and k-means."""
    return details.view.command("confirm", *options)
