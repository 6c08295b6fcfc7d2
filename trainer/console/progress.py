"""How far a long piece of work is: bars on a terminal, elsewhere a line every half a minute.

One reporter for ``trainer`` and ``search``, whatever is prepared, trained or scored.
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

__all__ = ["LINE_SECONDS", "Lines", "Tell", "open_teller"]

LINE_SECONDS = 30.0  # between two lines
LOOK_SECONDS = 1.0  # between two looks at whether a line is due

#: Tells what is done, how much of it so far, and of how much.
Tell = Callable[[str, int, int], None]


@contextlib.contextmanager
def open_teller(console: Console) -> Iterator[Tell]:
    """What tells a console of work, for the length of the block."""
    if console.is_terminal and not console.is_dumb_terminal:
        with _bars(console) as tell:
            yield tell
        return
    lines = Lines(lambda text: _print(console, text))
    with _every(LOOK_SECONDS, lines.look):
        yield lines.tell


@dataclass(kw_only=True)
class _Step:
    """One piece of work that is under way."""

    what: str
    #: When it was first heard of, and how much was done by then.
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
    """A line for each step that is over, and one every half a minute for the one under way."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Tell nothing yet.

        Args:
            write: Writes a line.
            clock: Monotonic seconds.
        """
        self._write, self._clock = write, clock
        self._due = clock() + LINE_SECONDS
        self._step: _Step | None = None
        self._over: set[str] = set()
        self._lock = threading.Lock()

    def tell(self, what: str, done: int, total: int) -> None:
        """Take in how far a step is."""
        with self._lock:
            if self._step is None or self._step.what != what:
                now = self._clock()
                self._step = _Step(what=what, began=now, done_before=done, done=done, total=total)
            self._step.done, self._step.total = done, total
            if done >= total and what not in self._over:
                self._over.add(what)
                self._say(f"{what}: {total}")
        self.look()

    def look(self) -> None:
        """Write a line if one is due; called as often as one likes, from any thread."""
        with self._lock:
            step = self._step
            if step is not None and step.what not in self._over and self._clock() >= self._due:
                self._say(step.line(self._clock()))

    def _say(self, text: str) -> None:
        self._due = self._clock() + LINE_SECONDS
        self._write(text)


@contextlib.contextmanager
def _bars(console: Console) -> Iterator[Tell]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),  # so that numbers and the time left fit in 80 columns
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


@contextlib.contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call it again and again from a thread, for a step may be long and say nothing."""
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
