"""The pruners ``median`` and ``percentile``: Optuna's own, which compare best scores so far.

``median`` is the rule of the authors' release: five trials at first, no warm-up. It is here
to be compared with. Both take their bar from complete trials, thus from survivors.
"""

from dataclasses import dataclass

import optuna
from optuna.pruners import BasePruner, MedianPruner, PercentilePruner
from optuna.trial import FrozenTrial

from search.records.outcome import Keep, Prune, Verdict

__all__ = ["BestSoFarPruner", "median_pruner", "percentile_pruner"]

STARTUP_TRIALS = 5


@dataclass(frozen=True, kw_only=True)
class BestSoFarPruner:
    """Asks one of Optuna's pruners that keep nothing between calls."""

    #: Evaluations E of a full run; at the last one nothing is left to save.
    evaluations: int
    #: What a trial's best score is compared with, in words.
    bar: str
    rule: BasePruner

    def decide(self, study: optuna.Study, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report."""
        evaluation = trial.last_step
        if evaluation is None or evaluation >= self.evaluations:
            return Keep()
        if not self.rule.prune(study, trial):
            return Keep()
        best = max(trial.intermediate_values.values())
        return Prune(
            kind="behind",
            reason=f"best score so far {best:.2f} is under {self.bar} at evaluation {evaluation}",
        )


def median_pruner(evaluations: int) -> BestSoFarPruner:
    """Keep the better half, from the first evaluation on."""
    return BestSoFarPruner(
        evaluations=evaluations,
        bar="the median of full runs",
        rule=MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=0),
    )


def percentile_pruner(evaluations: int) -> BestSoFarPruner:
    """Keep the best 75 %, from half of the run on."""
    return BestSoFarPruner(
        evaluations=evaluations,
        bar="the best 75 % of full runs",
        rule=PercentilePruner(
            75.0, n_startup_trials=STARTUP_TRIALS, n_warmup_steps=-(-evaluations // 2)
        ),
    )
