"""``stop``: ask a running search to stop, on whatever machine it runs."""

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import NameArgument
from search.commands.storage_flags import StorageFlags
from search.reporting import reading
from search.reporting.digest import after
from storage.studies import request_stop

__all__ = ["stop"]


@one_line_errors
@with_groups
def stop(*, study: NameArgument = None, storage: StorageFlags) -> None:
    """Ask a running search to stop after the evaluations in progress; `resume` continues it."""
    with storage.opened() as database:
        name = study or reading.last_study(database, running=True)
        view = reading.read_study(database, name)
        if view.driver is None:
            typer.echo(f"study {name} is not running ({view.state}): nothing to stop")
            say_next(after(view))
            return
        request_stop(database.engine, name)
        typer.echo(f"asked study {name} to stop; it is {view.driver}")
        say_next(view.command("attach"))
