"""Says how long the first finished trial took, counted from the start of the command."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from search.progress.progress import Progress
from search.progress.snapshot import Snapshot
from trainer.console.durations import duration_text

__all__ = ["FirstTrialTimed"]


class FirstTrialTimed:
    """Implements :class:`Progress` by another one, and adds one event to it.

    A study that already has finished trials when it is continued gets no such event.
    """

    def __init__(
        self, progress: Progress, began: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count from ``began``.

        Args:
            progress: Shows everything.
            began: When the command began, by ``clock``.
            clock: Monotonic seconds.
        """
        self._progress, self._began, self._clock = progress, began, clock
        self._waits: bool | None = None  # until the first snapshot

    def update(self, snapshot: Snapshot) -> None:
        """Show the snapshot; after the first finished trial also its time."""
        finished = snapshot.counts.finished > 0
        if self._waits is None:
            self._waits = not finished
        elif self._waits and finished:
            self._waits = False
            total = self._clock() - self._began
            before = max(0.0, total - snapshot.elapsed)
            self.event(
                f"the first finished trial took {duration_text(total)},"
                f" {duration_text(before)} of which before the search began"
            )
        self._progress.update(snapshot)

    def event(self, text: str) -> None:
        """Show one line about an event."""
        self._progress.event(text)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, traceback)
