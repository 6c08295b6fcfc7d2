"""``compare``: several studies side by side."""

import json
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import JsonOption
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from search.reporting import reading
from search.reporting.as_json import comparison_json
from search.reporting.compared_studies import compare as put_beside
from search.reporting.comparison_text import comparison_table
from trainer.console.shell import search_command, shell_text

__all__ = ["compare"]


@one_line_errors
@with_groups
def compare(
    *,
    studies: Annotated[
        list[str], typer.Argument(help="Names of two studies or more.", metavar="STUDY")
    ],
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show studies side by side, and say whether their budgets are equal."""
    names = list(dict.fromkeys(studies))
    if len(names) < 2:
        raise SettingsError(
            f"one study was given, {names[0]!r}: give two or more, or run"
            " `python -m search status`"
        )
    with storage.opened() as database:
        found = put_beside([reading.read_details(database, name) for name in names])
        flags = database.address.flags()
    if as_json:
        typer.echo(json.dumps(comparison_json(found), indent=1))
        return
    Console().print(comparison_table(found))
    end = ("--",) if any(name.startswith("-") for name in names) else ()
    say_next(shell_text(search_command("report", *flags, *end, *names)))
