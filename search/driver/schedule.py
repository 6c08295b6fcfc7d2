"""When the next trial is drawn: by count, never by the clock (invariant 6).

Trial n is drawn when exactly n - lag trials have ended, where lag = workers x slots +
prefetched. What the sampler sees is then the same whatever the timing, and the same after
a restart.
"""

from dataclasses import dataclass

__all__ = ["Schedule"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How many trials, and how far ahead they are drawn."""

    #: Trials to be finished (complete or pruned).
    target: int
    #: Trials drawn ahead of the ended ones.
    lag: int

    def due(self, *, drawn: int, ended: int, failed: int) -> bool:
        """Whether the next trial is to be drawn now.

        Args:
            drawn: Trials drawn so far; the number of the next one.
            ended: Trials ended so far, failed ones included.
            failed: Trials failed for good, each of which is replaced by one more number.
        """
        return drawn < self.target + failed and ended >= drawn - self.lag
