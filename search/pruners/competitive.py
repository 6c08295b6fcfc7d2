"""The pruner ``competitive``: stops clearly underperforming trials, late, compared with full runs.

Replayed on recorded curves, stopping the worse half from the start pruned the best trial in most
orders, because runs that improve late look bad in their first half. This pruner therefore keeps
the best 75 %, prunes only in the second half of a run, and compares means of three evaluations.
The first 20 trials and every tenth one always run to their end, so that the threshold, which is
computed from complete trials, does not depend on survivors alone. They also show what pruning
loses (``search/quality/audit.py``). Collapse rules apply to these trials as well.
"""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.pruners.checks import check_count, check_share
from search.pruners.full_runs import SearchStudy, mean_score, quantile
from search.pruners.immunity import SparingPruner
from search.records.outcome import Keep, Prune, Verdict

__all__ = ["CompetitivePruner"]


@dataclass(frozen=True, kw_only=True)
class CompetitivePruner(SparingPruner):
    """Keeps a trial whose recent mean is among the best 75 % of full runs."""

    #: Evaluations E of a full run.
    evaluations: int
    #: Share of the full runs, the best ones, that a trial must be among to be kept.
    keep: float = 0.75
    #: Share of the run before which no trial is stopped.
    warm_up: float = 0.5
    #: Evaluations whose scores are averaged.
    window: int = 3
    #: Number of full runs before the first trial is stopped.
    least_full_runs: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("keep", self.keep)
        check_share("warm_up", self.warm_up)
        check_count("window", self.window, least=1)
        check_count("least_full_runs", self.least_full_runs, least=1)

    def judge(self, study: SearchStudy, trial: FrozenTrial) -> Verdict | None:
        """Decide as if the trial were not immune; None where this pruner stops no trial."""
        evaluation = trial.last_step
        if evaluation is None or not self._in_time(evaluation):
            return None
        means = study.full_runs.means(evaluation, self.window)
        own = mean_score(trial, evaluation, self.window)
        if own is None or len(means) < self.least_full_runs:
            return None
        threshold = quantile(means, 1 - self.keep)
        return Keep() if own >= threshold else self._prune(own, threshold, len(means), evaluation)

    def _in_time(self, evaluation: int) -> bool:
        """Whether the warm-up is over and the run is not."""
        return self.warm_up * self.evaluations <= evaluation < self.evaluations

    def _prune(self, own: float, threshold: float, full_runs: int, evaluation: int) -> Prune:
        return Prune(
            kind="behind",
            reason=f"mean of the last {self.window} scores is {own:.2f} (under {threshold:.2f},"
            f" the threshold of the best {100 * self.keep:g} % of {full_runs} full runs)"
            f" at evaluation {evaluation}",
        )
