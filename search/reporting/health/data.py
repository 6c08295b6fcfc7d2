"""What should be known about the data?"""

from search.records.stored_trial import DATA_NOTES_ATTRIBUTE
from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import show
from search.reporting.study_details import StudyDetails
from trainer.console.shell import shell_text, trainer_command

__all__ = ["DATA"]

#: Notes that a line shows.
SHOWN = 5


def examine(details: StudyDetails) -> Finding:
    """Whether val was held out of train, and which files are unused."""
    notes = details.attributes.get(DATA_NOTES_ATTRIBUTE)
    if isinstance(notes, list):
        if not notes:
            return passed("every file is used, and the splits are given")
        more = f"; and {len(notes) - SHOWN} more notes" * (len(notes) > SHOWN)
        line = "; ".join(" ".join(str(note).split()) for note in notes[:SHOWN])
        return warned(f"{line}{more}", _inspect(details))
    if details.setting("data.name") == "rooms":
        return passed("synthetic data: every file is used, and the splits are separate scenes")
    return warned(
        "not known: which files are unused, and whether val was held out of train; an earlier"
        " version stored no notes of the data set",
        _inspect(details),
    )


def _inspect(details: StudyDetails) -> str:
    """The command that reads the whole data set and lists what is wrong with it."""
    root = details.setting("data.root")
    if details.setting("data.name") == "folder" and root:
        return shell_text(trainer_command("inspect", str(root)))
    if details.view.best is None:
        return show(details)
    inspect = shell_text(trainer_command("inspect", "best.toml"))
    return f"{details.view.save_best()} && {inspect}"


DATA = HealthCheck(name="data", title="Are all files used, and the splits given?", examine=examine)
