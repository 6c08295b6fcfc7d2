"""Immune trials: those that a pruner never stops, which show what it would have lost."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.pruners.checks import check_count
from search.pruners.full_runs import SearchStudy
from search.records.outcome import Keep, Verdict

__all__ = ["SparingPruner"]


@dataclass(frozen=True, kw_only=True)
class SparingPruner:
    """Base of pruners that spare immune trials; they implement :meth:`judge`."""

    #: The first so many trials always run to their end.
    immune_first: int = 20
    #: Trials whose number is a multiple of this always run to their end, too.
    immune_every: int = 10

    def __post_init__(self) -> None:
        check_count("immune_first", self.immune_first, least=0)
        check_count("immune_every", self.immune_every, least=1)

    def decide(self, study: SearchStudy, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report."""
        if self.is_immune(trial.number):
            return Keep()
        return self.judge(study, trial) or Keep()

    def judge(self, study: SearchStudy, trial: FrozenTrial) -> Verdict | None:
        """Decide as if the trial were not immune; None where this pruner stops no trial."""
        raise NotImplementedError

    def is_immune(self, number: int) -> bool:
        """Whether the trial runs to its end unless it collapses."""
        return number < self.immune_first or number % self.immune_every == 0
