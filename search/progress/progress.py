"""Progress: a live view on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from search.progress.live_view import WORKERS_SHOWN, LiveProgress
from search.progress.snapshot import ProcessLine, Snapshot, WorkerLine

__all__ = ["PlainProgress", "Progress", "Snapshot", "WorkerLine", "open_progress"]

STATUS_INTERVAL = 30.0  # seconds between two status lines of a log, at least


class Progress(Protocol):
    """Shows the progress of a search while its ``with`` block runs."""

    def update(self, snapshot: Snapshot) -> None:
        """Show the current state of the search; may be called at any rate."""
        ...

    def event(self, text: str) -> None:
        """Show one line about an event."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def open_progress(console: Console, *, plain: bool | None = None) -> Progress:
    """The view that fits the console.

    Args:
        console: Where to write.
        plain: Whether to write plain lines; None to do so if there is no terminal.
    """
    if plain is None:
        plain = not console.is_terminal or console.is_dumb_terminal
    return PlainProgress(console, time.monotonic) if plain else LiveProgress(console)


class PlainProgress:
    """Writes events as they come, and a status line at the start, at the end and every 30 s.

    The objective is named once, before the first status line. The first status line is written
    when a worker has a trial, or after 30 s.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._due = clock()
        self._begins = clock() + STATUS_INTERVAL
        self._last: Snapshot | None = None
        self._last_line = ""

    def update(self, snapshot: Snapshot) -> None:
        """Write a status line if one is due, or if an outage or a request to stop begins."""
        if self._last is None and snapshot.objective:
            self._write(f"score: {snapshot.objective}")
        turned = self._last is not None and bool(snapshot.state) != bool(self._last.state)
        self._last = snapshot
        waits = not self._last_line and not _at_work(snapshot) and self._clock() < self._begins
        if turned or (self._clock() >= self._due and not waits):
            self._write_status(snapshot)

    def event(self, text: str) -> None:
        """Write the line."""
        self._write(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._last is not None and _status_line(self._last) != self._last_line:
            self._write_status(self._last)

    def _write_status(self, snapshot: Snapshot) -> None:
        self._due = self._clock() + STATUS_INTERVAL
        self._last_line = _status_line(snapshot)
        self._write(self._last_line)

    def _write(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _at_work(snapshot: Snapshot) -> bool:
    """Whether a worker trains, or there is an outage or a request to stop to show."""
    return bool(snapshot.state) or any(worker.trial is not None for worker in snapshot.workers)


def _status_line(snapshot: Snapshot) -> str:
    counts = snapshot.counts
    parts = [
        f"{snapshot.progress_text()}: {counts.complete} complete, {counts.collapsed} collapsed,"
        f" {counts.behind} underperforming, {counts.failed} failed, {counts.running} running",
        snapshot.best_text(),
        snapshot.time_text(),
        *_worker_texts(snapshot),
    ]
    return "; ".join([*parts, snapshot.state] if snapshot.state else parts)


def _worker_texts(snapshot: Snapshot) -> list[str]:
    """One text per worker, such as ``worker-0: trial 38 at 210 of 300``."""
    lines = snapshot.lines(WORKERS_SHOWN)
    shown = [_worker_text(line) for line in lines[:WORKERS_SHOWN]]
    hidden = len(lines) - WORKERS_SHOWN
    return [*shown, f"{hidden} more workers"] if hidden > 0 else shown


def _worker_text(line: WorkerLine | ProcessLine) -> str:
    if isinstance(line, ProcessLine):
        return f"{line.name}: {line.busy} of {line.slots} slots busy"
    if line.trial is None:
        return f"{line.name}: idle"
    return f"{line.name}: trial {line.trial} at {line.iteration} of {line.iterations}"
