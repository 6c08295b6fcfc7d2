"""The commands that several health checks suggest."""

from search.reporting.study_details import StudyDetails
from trainer.console.shell import search_command, shell_text, trainer_command

__all__ = ["launch_other", "more_trials", "resume", "show", "train_best"]


def more_trials(details: StudyDetails, trials: int) -> str:
    """Continue the search to a higher target."""
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


def train_best(details: StudyDetails) -> str:
    """Train the best trial again; its file also sets the seed."""
    best = search_command("best", "--format", "toml", study=details.view.name)
    fit = trainer_command("fit", "best.toml")
    return f"{shell_text(best, into='best.toml')} && {shell_text(fit)}"
