"""``attach``: show the progress of a search that runs elsewhere."""

import time

import typer
from rich.console import Console

from search.commands.ending import exit_stopped, one_line_errors
from search.commands.grouping import with_groups
from search.commands.options import (
    DB_PATIENCE_SECONDS,
    NameArgument,
    PatienceOption,
    PlainOption,
)
from search.commands.storage_flags import StorageFlags
from search.progress.progress import open_progress
from search.reporting import attaching, terminal
from search.reporting.reading import last_study, read_study
from search.reporting.study_view import StudyView
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.outage import translated

__all__ = ["attach"]


@one_line_errors
@with_groups
def attach(
    *,
    study: NameArgument = None,
    storage: StorageFlags,
    plain: PlainOption = None,
    db_patience: PatienceOption = DB_PATIENCE_SECONDS,
) -> None:
    """Show the progress of a search that runs elsewhere; Ctrl-C leaves it running."""
    with storage.opened() as database:
        finished = _watch(database, study, plain=plain, patience=db_patience)
    exit_stopped(finished=finished)


def _watch(database: Database, study: str | None, *, plain: bool | None, patience: float) -> bool:
    """Show a search until it ends.

    Args:
        database: The database that stores the study.
        study: Name of the study; None for the one created last.
        plain: Print lines instead of a live view; None does so if there is no terminal.
        patience: Seconds to wait for an unreachable database.

    Returns:
        Whether the study reached its target, or is still running.

    Raises:
        UnknownStudy: If there is no such study.
        DatabaseUnreachable: If the database could not be reached for longer than ``patience``.
    """
    name = study or last_study(database)
    view = read_study(database, name)
    if view.state == "running":
        typer.echo(f"study {name} is {view.driver}; Ctrl-C leaves it running")
        console = Console()
        storage = database.address.masked()
        try:
            with open_progress(console, plain=plain) as progress:
                reader = _Reader(database, name, patience)
                view = attaching.attach(reader.read, progress, storage=storage)
        except KeyboardInterrupt:
            again = view.command("attach")
            typer.echo(f"study {name} is still running: `{again}` shows it again")
            return True
    Console().print(terminal.study_status(view, failures=False))
    if view.state == "paused":
        typer.echo(f"no process is driving it: `{view.command('resume')}` continues it")
    return view.state == "finished"


class _Reader:
    """Reads the study, and tolerates outages of the database."""

    def __init__(self, database: Database, study: str, patience: float) -> None:
        self._database, self._study, self._patience = database, study, patience
        self._answered = time.monotonic()

    def read(self) -> StudyView | None:
        try:
            with translated():
                view = read_study(self._database, self._study)
        except DatabaseUnreachable:
            if time.monotonic() - self._answered > self._patience:
                raise
            return None
        self._answered = time.monotonic()
        return view
