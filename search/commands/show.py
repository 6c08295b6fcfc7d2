"""``show``: everything about one trial."""

import json
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import JsonOption
from search.commands.storage_flags import StorageFlags
from search.reporting import reading
from search.reporting.as_json import trial_details_json
from search.reporting.trial_text import trial_text

__all__ = ["show"]


@one_line_errors
@with_groups
def show(
    *,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    trial: Annotated[int, typer.Argument(help="Number of the trial.")],
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show a trial: hyper-parameters, value, evaluations, reason, attempts, who queued it."""
    with storage.opened() as database:
        found = reading.read_trial(database, study, trial)
    if as_json:
        typer.echo(json.dumps(trial_details_json(found), indent=1))
        return
    Console().print(trial_text(found))
    say_next(found.view.command("status"))
