"""``next``: what to do next with a study."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from search.commands.ending import one_line_errors
from search.commands.grouping import with_groups
from search.commands.options import JsonOption, NameArgument
from search.commands.storage_flags import StorageFlags
from search.reporting import reading
from trainer.console.durations import about_text

if TYPE_CHECKING:
    from search.reporting.advice import Step

__all__ = ["next_"]


@one_line_errors
@with_groups
def next_(
    *,
    study: NameArgument = None,
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show at most three commands to run next, by expected gain per hour, with their figures."""
    from search.reporting.advice import next_steps, steps_json  # lazily: commands start quickly

    with storage.opened() as database:
        details = reading.read_details(database, study or reading.last_study(database))
    steps = next_steps(details)
    if as_json:
        found = {"study": details.view.name, "steps": steps_json(steps)}
        typer.echo(json.dumps(found, indent=1))
        return
    for line in _lines(steps, details.view.objective_title):
        typer.echo(line)
    if not steps:
        typer.echo(f"study {details.view.name}: nothing stands out; look at its report")
        typer.echo(f"   {details.view.command('report')}")


def _lines(steps: "tuple[Step, ...]", objective: str) -> Iterator[str]:
    for place, step in enumerate(steps, start=1):
        hours = "" if step.hours is None else f"; about {about_text(3600 * step.hours)}"
        yield f"{place}. {step.line}{hours}{step.rate_text}"
        yield f"   {step.command}"
    if any(step.rate is not None for step in steps):
        yield f"gains are in {objective}, averaged over seeds"
