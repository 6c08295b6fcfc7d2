"""Which workers stand still: no evaluation and no iteration for too long.

Only time during which the driver looked counts. A driver that was frozen, or waited for
its cluster, finds workers that it has not looked at, and not workers that stood still.
"""

import time
from collections.abc import Callable, Mapping

__all__ = ["StallWatch"]

LONGEST_LOOK = 5.0  # seconds between two looks that count in full


class StallWatch:
    """Counts for how long each worker with an order has shown nothing."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch nobody yet.

        Args:
            timeout: Seconds without progress after which a worker stands still.
            clock: Monotonic seconds.
        """
        self.timeout = timeout
        self._clock, self._looked = clock, clock()
        self._silent: dict[str, float] = {}
        self._iterations: dict[str, int] = {}

    def begin(self, worker: str) -> None:
        """The worker was given an order."""
        self._silent[worker] = 0.0

    def end(self, worker: str) -> None:
        """The worker has nothing to do any more."""
        self._silent.pop(worker, None)

    def look(self, iterations: Mapping[str, int]) -> list[str]:
        """See how far the workers are; those that have stood still for too long.

        Args:
            iterations: True iterations of each worker's run, as last heard.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, LONGEST_LOOK), now
        for worker in self._silent:
            moved = iterations.get(worker) != self._iterations.get(worker)
            self._silent[worker] = 0.0 if moved else self._silent[worker] + passed
        self._iterations = dict(iterations)
        return [worker for worker, silent in self._silent.items() if silent > self.timeout]
