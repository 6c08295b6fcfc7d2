"""Progress of long work: bars on a terminal, elsewhere a line every half a minute.

``trainer`` and ``search`` both use it, for preparing, training and scoring.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from trainer.console.durations import about_text

__all__ = ["LINE_SECONDS", "Lines", "OnProgress", "progress_on"]

LINE_SECONDS = 30.0  # between two lines
CHECK_SECONDS = 1.0  # between two checks whether a line is due

#: Called with the name of a step, how much of it is done, and its total.
OnProgress = Callable[[str, int, int], None]


@contextlib.contextmanager
def progress_on(console: Console) -> Iterator[OnProgress]:
    """Show progress on a console for the duration of the block."""
    if console.is_terminal and not console.is_dumb_terminal:
        with _bars(console) as update:
            yield update
        return
    lines = Lines(lambda text: _print(console, text))
    with _every(CHECK_SECONDS, lines.write_if_due):
        yield lines.update


@dataclass(kw_only=True)
class _Step:
    """The piece of work in progress."""

    what: str
    #: When it first reported progress, and how much was done by then.
    began: float
    done_before: int
    done: int
    total: int

    def line(self, now: float) -> str:
        """Such as ``features of train: 120 of 400, about 3 min left``."""
        text = f"{self.what}: {self.done} of {self.total}"
        done_here = self.done - self.done_before
        if done_here <= 0:
            return text
        left = (now - self.began) / done_here * (self.total - self.done)
        return f"{text}, about {about_text(left)} left"


class Lines:
    """A line for each finished step, and one every half a minute for the current step."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Write nothing yet.

        Args:
            write: Writes a line.
            clock: Monotonic seconds.
        """
        self._write, self._clock = write, clock
        self._due = clock() + LINE_SECONDS
        self._step: _Step | None = None
        self._over: set[str] = set()
        self._lock = threading.Lock()

    def update(self, what: str, done: int, total: int) -> None:
        """Note the progress of a step."""
        with self._lock:
            if self._step is None or self._step.what != what:
                now = self._clock()
                self._step = _Step(what=what, began=now, done_before=done, done=done, total=total)
            self._step.done, self._step.total = done, total
            if done >= total and what not in self._over:
                self._over.add(what)
                self._say(f"{what}: {done} of {total}")
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write a line if one is due; may be called at any time, from any thread."""
        with self._lock:
            step = self._step
            if step is not None and step.what not in self._over and self._clock() >= self._due:
                self._say(step.line(self._clock()))

    def _say(self, text: str) -> None:
        self._due = self._clock() + LINE_SECONDS
        self._write(text)


@contextlib.contextmanager
def _bars(console: Console) -> Iterator[OnProgress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),  # so that numbers and the time left fit in 80 columns
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield update


@contextlib.contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` regularly from a thread, because a long step may report nothing itself."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
