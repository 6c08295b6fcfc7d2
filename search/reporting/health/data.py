"""What should be known about the data?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.study_details import StudyDetails
from trainer.console.shell import shell_text, trainer_command

__all__ = ["DATA"]


def examine(details: StudyDetails) -> Finding:
    """Whether val was held out of train, and whether the data set can be checked."""
    notes = details.attributes.get("data_notes")
    name = details.setting("data.name")
    fix = shell_text(trainer_command("inspect", str(name)))
    if isinstance(notes, list):
        line = "; ".join(map(str, notes))
        return warned(line, fix) if notes else passed("the data set has no notes")
    if name == "rooms":
        return passed("synthetic data: every file is used, and the splits are separate scenes")
    return warned(
        "not known: which files are unused, and whether val was held out of train; the study"
        " stores no notes of its data set",
        fix,
    )


DATA = HealthCheck(name="data", title="Are all files used, and the splits given?", examine=examine)
