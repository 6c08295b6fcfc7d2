"""Says how long the first finished trial took, counted from the start of the command."""

import time
from collections.abc import Callable

from search.progress.progress import Progress
from search.progress.snapshot import Snapshot
from search.progress.wrapping import WrappedProgress
from trainer.console.durations import duration_text

__all__ = ["FirstTrialTimed"]


class FirstTrialTimed(WrappedProgress):
    """Adds one event to another display.

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
        super().__init__(progress)
        self._began, self._clock = began, clock
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
        super().update(snapshot)
