"""``search stop`` for a process that waits: it has no driver yet that hears the request."""

import contextlib
import time

from search.errors import Interrupted
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.studies import StudyRecord, get_study
from trainer.console.shell import search_command, shell_text

__all__ = ["refuse_if_stopped", "sleep_unless_stopped"]


def refuse_if_stopped(record: StudyRecord, waiting: str) -> None:
    """Raise if the study was asked to stop.

    Args:
        record: The study, as just read.
        waiting: What the process was doing, as a clause.

    Raises:
        Interrupted: If it was.
    """
    if record.stop_requested:
        again = shell_text(search_command("resume", study=record.name))
        raise Interrupted(
            f"study {record.name} was stopped while {waiting}: `{again}` continues it"
        )


def sleep_unless_stopped(database: Database, study: str, seconds: float) -> None:
    """Sleep while waiting for free cores; an outage of the database does not end the wait.

    Raises:
        Interrupted: If the study was asked to stop.
    """
    time.sleep(seconds)
    with contextlib.suppress(DatabaseUnreachable):
        refuse_if_stopped(get_study(database.engine, study), "it waited for free cores")
