"""Stalled workers: those that completed no evaluation and no iteration for too long.

Only time during which the driver checked its workers counts. After a driver was frozen, or waited
for its cluster, it does not mistake that gap for a stall.
"""

import time
from collections.abc import Callable, Mapping

__all__ = ["StallWatch"]

LONGEST_GAP = 5.0  # seconds between two checks that count at most


class StallWatch:
    """Counts how long each busy worker has made no progress."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no worker to watch.

        Args:
            timeout: Seconds without progress after which a worker is stalled.
            clock: Monotonic seconds.
        """
        self.timeout = timeout
        self._clock, self._looked = clock, clock()
        self._silent: dict[str, float] = {}
        self._iterations: dict[str, int] = {}

    def begin(self, worker: str) -> None:
        """Watch a worker that was given an order."""
        self._silent[worker] = 0.0

    def end(self, worker: str) -> None:
        """Stop watching a worker that has finished its order."""
        self._silent.pop(worker, None)

    def stalled(self, iterations: Mapping[str, int]) -> list[str]:
        """Update the progress of all workers and return those that are stalled.

        Args:
            iterations: Iterations that each worker's run has completed, as last reported.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, LONGEST_GAP), now
        for worker in self._silent:
            moved = iterations.get(worker) != self._iterations.get(worker)
            self._silent[worker] = 0.0 if moved else self._silent[worker] + passed
        self._iterations = dict(iterations)
        return [worker for worker, silent in self._silent.items() if silent > self.timeout]
