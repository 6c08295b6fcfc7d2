"""``status``: show the state of a study."""

import datetime
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import DB_PATIENCE_SECONDS, JsonOption, NameArgument
from search.commands.patient_reader import PatientReader
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from search.reporting import reading, terminal
from search.reporting.as_json import study_json
from search.reporting.assessing import assess
from search.reporting.digest import after
from search.reporting.study_view import StudyView

__all__ = ["status", "watched"]

EVERY_SECONDS = 5.0


@one_line_errors
@with_groups
def status(
    *,
    study: NameArgument = None,
    failures: Annotated[
        bool, typer.Option(help="Also show the tracebacks of failed trials.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again until the search ends; see --every.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help=f"Time between two looks of --watch. Default: {EVERY_SECONDS:g}.",
        ),
    ] = None,
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a study, its driver, its best trial, and why trials were pruned."""
    seconds = _seconds(every, watch=watch)

    def show(view: StudyView) -> None:
        assessment = assess(view, quick=view.state == "running")
        if as_json:
            # With --watch one line per look, which scripts read as JSON Lines.
            found = study_json(view, assessment)
            typer.echo(json.dumps(found, indent=None if watch else 1))
        else:
            Console().print(terminal.study_status(view, assessment, failures=failures))

    with storage.opened() as database:
        name = study or reading.last_study(database)
        if watch:
            reader = PatientReader(database, name, DB_PATIENCE_SECONDS)
            view = _watch(reader.read, show, seconds, as_json=as_json)
        else:
            view = reading.read_study(database, name)
            show(view)
    if not as_json:
        say_next(after(view))


def _seconds(every: float | None, *, watch: bool) -> float:
    """The time between two looks.

    Raises:
        SettingsError: If it is not a positive number, or nothing is watched.
    """
    if every is None:
        return EVERY_SECONDS
    if not watch:
        raise SettingsError("--every says how often to look, so it needs --watch: add it")
    if not 0 < every < math.inf:
        raise SettingsError(f"--every {every:g} is not a time between two looks: give seconds")
    return every


def _watch(
    read: Callable[[], StudyView | None],
    show: Callable[[StudyView], None],
    seconds: float,
    *,
    as_json: bool,
) -> StudyView:
    """Show a study until it is not running, or until Ctrl-C; returns the view shown last."""
    console = Console()
    last: StudyView | None = None
    try:
        for view in watched(read, seconds):
            if view is None:
                typer.echo("the database cannot be reached: waiting for it", err=True)
                continue
            if not as_json:
                console.clear()  # does nothing unless it is a terminal
                now = f"{datetime.datetime.now():%H:%M:%S}"
                console.print(f"{now}, every {seconds:g} s; Ctrl-C leaves the search running")
            show(view)
            last = view
    except KeyboardInterrupt:
        if last is None:
            raise
    assert last is not None, "the last view was shown"
    return last


def watched(
    read: Callable[[], StudyView | None],
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[StudyView | None]:
    """Read a study again and again, until no process drives it; None during an outage."""
    while True:
        view = read()
        yield view
        if view is not None and view.state != "running":
            return
        sleep(seconds)
