"""What ``launch`` and ``resume`` share: a study driven to its end, and the end printed."""

import typer
from rich.console import Console

from search.driver.driver import Ending
from search.driver.parts import STANDARD_PARTS, Parts
from search.launch.launching import launch
from search.launch.notices import tell_notes
from search.launch.output import Output
from search.launch.request import Launch
from search.planning.checking import check_dataset
from search.progress.progress import open_progress
from search.reporting import reading, terminal
from storage.address import Address, parse_address
from storage.database import Database
from trainer.console.progress import progress_on

__all__ = ["drive"]


def drive(request: Launch, database: Database, *, plain: bool | None, parts: Parts | None) -> bool:
    """Drive a study, and show how it goes and how it ended.

    Args:
        request: What is launched.
        database: Where the study is, or will be.
        plain: Lines rather than a live view; None for wherever there is no terminal.
        parts: What the search is put together from; None for what a user gets.

    Returns:
        Whether it reached its target.
    """
    tell_notes(check_dataset(request.config), typer.echo)
    console = Console()
    output = Output(
        say=typer.echo,
        open_progress=lambda: open_progress(console, plain=plain),
        open_preparing=lambda: progress_on(console),
    )
    result = launch(request, database, output, parts or STANDARD_PARTS)
    view = reading.read_study(database, result.study)
    storage = _storage_flag(database.address)
    console.print(terminal.summary(view, result.seconds, storage=storage), crop=False)
    if result.ending is Ending.STOPPED:
        typer.echo(f"stopped: {result.reason}")
    return result.ending is Ending.FINISHED


def _storage_flag(address: Address) -> tuple[str, ...]:
    """The flag that reaches the same database, without the password; nothing for the default."""
    open_ = address.without_password()
    return () if open_ == parse_address(None) else ("--storage", open_.masked())
