"""The schedule: the number of ended trials, never the clock, decides when a trial is sampled.

Trial n is sampled when exactly n - d trials have ended, where d, the number of trials in flight,
is stored with the study. The sampler therefore sees the same study whatever the timing, and after
a restart.
"""

from dataclasses import dataclass

__all__ = ["Schedule"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How many trials to finish, and how many are in flight."""

    #: Trials to finish (complete or pruned).
    target: int
    #: Trials that are sampled but have not ended.
    in_flight: int

    def due(self, *, drawn: int, ended: int, uncounted: int) -> bool:
        """Whether to sample the next trial now.

        Args:
            drawn: Trials sampled so far, which is also the number of the next one.
            ended: Trials that have ended, including uncounted ones.
            uncounted: Trials that failed or were imported: for each, one more is sampled.
        """
        return drawn < self.target + uncounted and ended >= drawn - self.in_flight
