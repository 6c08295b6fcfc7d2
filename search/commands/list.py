"""``list``: list the studies of a database."""

import json

import typer
from rich.console import Console

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import JsonOption
from search.commands.storage_flags import StorageFlags
from search.reporting import reading, terminal
from search.reporting.as_json import study_json
from trainer.console.shell import search_command, shell_text

__all__ = ["list_studies"]


@one_line_errors
@with_groups
def list_studies(*, storage: StorageFlags, as_json: JsonOption = False) -> None:
    """List all studies of a database."""
    with storage.opened() as database:
        studies = reading.read_studies(database)
    if as_json:
        typer.echo(json.dumps([study_json(view) for view in studies], indent=1))
    else:
        Console().print(terminal.study_list(studies))
        launch = shell_text(search_command("launch", *database.address.flags()))
        say_next(studies[-1].command("status") if studies else launch)
