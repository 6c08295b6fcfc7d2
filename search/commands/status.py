"""``status``: show the state of a study."""

import json
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors
from search.commands.grouping import with_groups
from search.commands.options import JsonOption, NameArgument
from search.commands.storage_flags import StorageFlags
from search.reporting import reading, terminal
from search.reporting.as_json import study_json
from search.reporting.assessing import assess

__all__ = ["status"]


@one_line_errors
@with_groups
def status(
    *,
    study: NameArgument = None,
    failures: Annotated[
        bool, typer.Option(help="Also show the tracebacks of failed trials.")
    ] = False,
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a study, its driver, its best trial, and why trials were pruned."""
    with storage.opened() as database:
        view = reading.read_study(database, study or reading.last_study(database))
    assessment = assess(view, quick=view.state == "running")
    if as_json:
        typer.echo(json.dumps(study_json(view, assessment), indent=1))
    else:
        Console().print(terminal.study_status(view, assessment, failures=failures))
