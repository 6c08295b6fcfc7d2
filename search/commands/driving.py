"""Shared by ``launch`` and ``resume``: drive a study to its end and print a summary."""

import typer
from rich.console import Console

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
from storage.address import Address, parse_address
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
    show_notes(check_dataset(request.config), typer.echo)
    console = Console()
    output = Output(
        say=typer.echo,
        open_progress=lambda: open_progress(console, plain=plain),
        open_preparing=lambda: progress_on(console),
    )
    result = launch(request, database, output, parts or STANDARD_PARTS)
    view = reading.read_study(database, result.study)
    storage = _storage_flag(database.address)
    assessment = assess(view)
    if request.confirmation is None:
        summary = terminal.summary(view, result.seconds, assessment=assessment, storage=storage)
    else:
        summary = terminal.best(view, assessment)
    console.print(summary, crop=False)
    if result.ending is Ending.STOPPED:
        typer.echo(f"stopped: {(result.reason or '').removesuffix(AGAIN)}")
    return result.ending is Ending.FINISHED


def _storage_flag(address: Address) -> tuple[str, ...]:
    """The flag for this database, without a password; empty for the default database."""
    open_ = address.without_password()
    return () if open_ == parse_address(None) else ("--storage", open_.masked())
