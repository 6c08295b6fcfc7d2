"""``best``: print the best trial of a study as a table, as JSON or as a configuration."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import JsonOption, NameArgument
from search.commands.storage_flags import StorageFlags
from search.errors import SearchError
from search.reporting import reading, terminal
from search.reporting.as_json import assessed_best_json
from search.reporting.assessing import assess
from search.reporting.study_view import StudyView

__all__ = ["best"]

FORMATS = ("table", "toml", "json")


@one_line_errors
@with_groups
def best(
    *,
    study: NameArgument = None,
    format_: Annotated[
        str, typer.Option("--format", help="Output format: table, toml or json.")
    ] = "table",
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show the best trial; --format toml prints a configuration for `python -m trainer fit`."""
    with storage.opened() as database:
        if format_ not in FORMATS:
            raise SearchError(f"unknown --format {format_!r}: choose table, toml or json")
        if as_json and format_ == "toml":
            raise SearchError("--json and --format toml exclude each other: give one")
        view = reading.read_study(database, study or reading.last_study(database))
    if view.best is None:
        raise SearchError(f"study {view.name!r} has no complete trial yet")
    if as_json or format_ == "json":
        typer.echo(json.dumps(assessed_best_json(view, view.best, assess(view)), indent=1))
    elif format_ == "toml":
        sys.stdout.write(_toml(view))
    else:
        Console().print(terminal.best(view, assess(view)))
        say_next(_next(view))


def _next(view: StudyView) -> str:
    """Confirm the best trial, or train it again."""
    if view.state == "finished" and view.confirmation.plan is None:
        return view.command("confirm")
    return view.save_best()


def _toml(view: StudyView) -> str:
    """The best trial as a configuration of the trainer."""
    from search.reporting.best_run import best_config  # lazily: it imports NumPy
    from trainer.config.toml_records import record_to_table, toml_text

    return toml_text(record_to_table(best_config(view)))
