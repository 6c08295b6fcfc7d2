"""The pruners ``median`` and ``percentile``: Optuna's own, which compare best scores so far.

``median`` is the rule of the authors' release: five trials at first, no warm-up. It is included
for comparison. Both compute their threshold from complete trials, that is, from survivors.
"""

import math
from dataclasses import dataclass

from optuna.pruners import PercentilePruner as OptunaPercentilePruner
from optuna.trial import FrozenTrial

from search.pruners.checks import check_count, check_share
from search.pruners.full_runs import SearchStudy
from search.records.outcome import Keep, Prune, Verdict

__all__ = ["MedianPruner", "PercentilePruner"]


@dataclass(frozen=True, kw_only=True)
class PercentilePruner:
    """Keeps a trial whose best score so far is among the best ``keep`` of full runs."""

    #: Evaluations E of a full run; at the last one it is too late to prune.
    evaluations: int
    #: Share of the full runs, the best ones, that a trial must be among to be kept.
    keep: float = 0.75
    #: Share of the run before which no trial is stopped.
    warm_up: float = 0.5
    #: Full runs there must be before the first trial is stopped.
    least_full_runs: int = 5

    def __post_init__(self) -> None:
        check_share("keep", self.keep)
        check_share("warm_up", self.warm_up)
        check_count("least_full_runs", self.least_full_runs, least=1)

    def decide(self, study: SearchStudy, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report."""
        evaluation = trial.last_step
        if evaluation is None or evaluation >= self.evaluations:
            return Keep()
        if len(study.full_runs) < self.least_full_runs:  # Optuna would count imported ones, too
            return Keep()
        if not self._rule().prune(study, trial):
            return Keep()
        best = max(trial.intermediate_values.values())
        return Prune(
            kind="behind",
            reason=f"best score so far {best:.2f} is under {self._threshold()}"
            f" at evaluation {evaluation}",
        )

    def _rule(self) -> OptunaPercentilePruner:
        return OptunaPercentilePruner(
            100 * self.keep,
            n_startup_trials=self.least_full_runs,
            n_warmup_steps=math.ceil(self.warm_up * self.evaluations),
        )

    def _threshold(self) -> str:
        return f"the best {100 * self.keep:g} % of full runs"


@dataclass(frozen=True, kw_only=True)
class MedianPruner(PercentilePruner):
    """Keeps the better half, from the first evaluation on."""

    #: Share of the full runs, the best ones, that a trial must be among to be kept.
    keep: float = 0.5
    #: Share of the run before which no trial is stopped.
    warm_up: float = 0.0

    def _threshold(self) -> str:
        return "the median of full runs" if self.keep == 0.5 else super()._threshold()
