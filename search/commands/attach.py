"""``attach``: a search that runs elsewhere is shown until it ends."""

import time

import typer
from rich.console import Console

from search.commands.ending import exit_stopped, one_line_errors
from search.commands.flag_groups import StorageFlags
from search.commands.grouping import with_groups
from search.commands.options import (
    DB_PATIENCE_SECONDS,
    NameArgument,
    PatienceOption,
    PlainOption,
)
from search.progress.progress import open_progress
from search.reporting import attaching, terminal
from search.reporting.reading import last_study, read_study
from search.reporting.study_view import StudyView
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.outage import translated
from trainer.console.shell import search_command, shell_text

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
    """Show a search until it ends; whether it was left running or reached its target.

    Args:
        database: Where it is stored.
        study: The study; None takes the last one.
        plain: Lines rather than a live view; None for wherever there is no terminal.
        patience: Seconds without the database before this gives up.

    Raises:
        UnknownStudy: If there is no such study.
        DatabaseUnreachable: If the database stayed away longer than the patience.
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
            again = shell_text(search_command("attach", study=name))
            typer.echo(f"study {name} goes on: `{again}` shows it again")
            return True
    Console().print(terminal.study_status(view, failures=False))
    if view.state == "paused":
        typer.echo(
            f"nobody drives it: `{shell_text(search_command('resume', study=name))}` goes on"
        )
    return view.state == "finished"


class _Reader:
    """Reads the study, and waits an outage out."""

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
