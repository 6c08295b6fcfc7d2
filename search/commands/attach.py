"""``attach``: show the progress of a search that runs elsewhere."""

import typer
from rich.console import Console

from search.commands.ending import exit_stopped, one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import (
    DB_PATIENCE_SECONDS,
    NameArgument,
    PatienceOption,
    PlainOption,
)
from search.commands.patient_reader import PatientReader
from search.commands.storage_flags import StorageFlags
from search.progress.progress import open_progress
from search.reporting import terminal
from search.reporting.digest import after
from search.reporting.reading import last_study, read_study
from storage.database import Database

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
    from search.reporting import attaching  # lazily: it imports Optuna

    name = study or last_study(database)
    view = read_study(database, name)
    if view.state == "running":
        typer.echo(f"study {name} is {view.driver}; Ctrl-C leaves it running")
        console = Console()
        storage = database.address.masked()
        try:
            with open_progress(console, plain=plain) as progress:
                reader = PatientReader(database, name, patience)
                view = attaching.attach(reader.read, progress, storage=storage)
        except KeyboardInterrupt:
            again = view.command("attach")
            typer.echo(f"study {name} is still running: `{again}` shows it again")
            return True
    Console().print(terminal.study_status(view, failures=False))
    if view.state == "paused":
        typer.echo("no process is driving it")
    say_next(after(view))
    return view.state == "finished"
