"""Shared by ``launch`` and ``resume``: drive a study to its end and print a summary."""

import dataclasses

import typer
from rich.console import Console

from search.commands.ending import say_next, with_storage
from search.commands.naming_progress import NamingProgress
from search.commands.quiet import quiet_optuna
from search.driver.driver import Ending
from search.driver.parts import STANDARD_PARTS, Parts
from search.launch.launching import launch
from search.launch.notices import show_notes
from search.launch.output import Output
from search.launch.request import Launch
from search.launch.signals import AGAIN
from search.planning.checking import check_dataset
from search.progress.progress import open_progress
from search.reporting import reading, terminal
from search.reporting.assessing import assess
from storage.database import Database
from trainer.console.progress import progress_on

__all__ = ["drive"]


def drive(request: Launch, database: Database, *, plain: bool | None, parts: Parts | None) -> bool:
    """Drive a study, and show its progress and a summary at the end.

    Args:
        request: The checked request.
        database: The database that stores the study, or will.
        plain: Print lines instead of a live view; None does so if there is no terminal.
        parts: Replaceable parts of the search, for tests; None for the standard ones.

    Returns:
        Whether the study reached its target.
    """
    quiet_optuna()
    data_set = check_dataset(request.config)
    show_notes(data_set, typer.echo)
    request = dataclasses.replace(request, data_notes=(*data_set.notes, *data_set.unused))
    console = Console()
    flags = database.address.flags()
    output = Output(
        say=lambda text: typer.echo(with_storage(text, flags)),
        open_progress=lambda: NamingProgress(open_progress(console, plain=plain), flags),
        open_preparing=lambda: progress_on(console),
    )
    result = launch(request, database, output, parts or STANDARD_PARTS)
    view = reading.read_study(database, result.study)
    assessment = assess(view)
    if request.confirmation is None:
        summary = terminal.summary(view, result.seconds, assessment=assessment)
    else:
        summary = terminal.best(view, assessment)
    console.print(summary, crop=False)
    if request.confirmation is not None:
        say_next(view.command("report"))
    if result.ending is Ending.STOPPED:
        typer.echo(f"stopped: {(result.reason or '').removesuffix(AGAIN)}")
    return result.ending is Ending.FINISHED
