"""The live view on a terminal: counts, progress bar, best trial, workers, last events."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.progress.snapshot import ProcessLine, Snapshot, WorkerLine

__all__ = ["WORKERS_SHOWN", "LiveProgress", "draw"]

EVENTS_SHOWN = 6
WORKERS_SHOWN = 16  # also in plain lines
REFRESHES = 4  # per second


class LiveProgress:
    """Redraws itself in place, from a thread of Rich; the last picture stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._snapshot: Snapshot | None = None
        self._events: tuple[str, ...] = ()
        self._live = Live(
            console=console, refresh_per_second=REFRESHES, get_renderable=self._picture
        )

    def update(self, snapshot: Snapshot) -> None:
        """Show the snapshot from the next redraw on."""
        self._snapshot = snapshot

    def event(self, text: str) -> None:
        """Show the line below the earlier ones, from the next redraw on."""
        self._events = (*self._events, text)[-EVENTS_SHOWN:]

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def _picture(self) -> RenderableType:
        return draw(self._snapshot, self._events)


def draw(snapshot: Snapshot | None, events: tuple[str, ...] = ()) -> RenderableType:
    """Draw a snapshot and the events; without a snapshot only the events."""
    parts: list[RenderableType] = []
    if snapshot is not None:
        parts += [_head(snapshot), _bar(snapshot), _counts(snapshot)]
        if snapshot.objective:
            parts += [Text(f"score: {snapshot.objective}", style="dim", justify="right")]
        parts += [Text()]
        parts += [_workers(snapshot.lines(WORKERS_SHOWN)), Text()]
    parts += [_event_line(event) for event in events]
    if snapshot is not None and snapshot.state:
        parts += [Text(snapshot.state, style="bold yellow")]
    return Padding(Group(*parts), (1, 2, 0, 2))


def _head(snapshot: Snapshot) -> Table:
    """Study and storage on the left, time on the right."""
    row = Table.grid(expand=True, padding=(0, 2))
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(justify="right", no_wrap=True)
    row.add_row(
        Text.assemble((snapshot.study, "bold"), (f" in {snapshot.storage}", "dim")),
        Text(snapshot.time_text()),
    )
    return row


def _bar(snapshot: Snapshot) -> Table:
    row = Table.grid(expand=True, padding=(0, 2))
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    done = min(snapshot.counts.finished, snapshot.target)
    row.add_row(ProgressBar(total=snapshot.target, completed=done), snapshot.progress_text())
    return row


def _counts(snapshot: Snapshot) -> Table:
    """The number of trials in each state, and the best trial."""
    counts = snapshot.counts
    shown = (
        (counts.complete, "complete", "green"),
        (counts.collapsed, "collapsed", "magenta"),
        (counts.behind, "underperforming", "cyan"),
        (counts.failed, "failed", "bold red" if counts.failed else "dim"),
        (counts.running, "running", "dim"),
    )
    row = Table.grid(expand=True, padding=(0, 2))
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    line = Text("   ").join(Text(f"{count} {name}", style=style) for count, name, style in shown)
    row.add_row(line, Text(snapshot.best_text(), style="bold"))
    return row


def _workers(workers: Sequence[WorkerLine | ProcessLine]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=True)
    table.add_column("worker", no_wrap=True)
    for name in ("trial", "iteration"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", ratio=1)
    for name in ("evaluation", "last score"):
        table.add_column(name, justify="right", no_wrap=True)
    for worker in workers[:WORKERS_SHOWN]:
        table.add_row(*_worker_cells(worker))
    hidden = len(workers) - WORKERS_SHOWN
    return Group(table, Text(f"and {hidden} more", style="dim")) if hidden > 0 else table


def _worker_cells(worker: WorkerLine | ProcessLine) -> list[RenderableType]:
    if isinstance(worker, ProcessLine):
        trial, evaluation = f"{worker.busy} of {worker.slots} slots", ""
    elif worker.trial is None:
        return [Text(worker.name), Text("idle", style="dim"), "", "", "", ""]
    else:
        trial, evaluation = str(worker.trial), str(worker.evaluation)
    return [
        Text(worker.name),
        Text(trial),
        Text(f"{worker.iteration} of {worker.iterations}"),
        ProgressBar(total=worker.iterations, completed=worker.iteration),
        Text(evaluation),
        Text("-" if worker.score is None else f"{worker.score:.2f}"),
    ]


def _event_line(event: str) -> Table:
    """The event, with further lines indented below the first."""
    row = Table.grid(padding=(0, 1))
    row.add_row(Text("-", style="dim"), Text(event))
    return row
