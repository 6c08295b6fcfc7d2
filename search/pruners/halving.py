"""The pruners ``sha`` and ``hyperband``: asynchronous successive halving, without state.

Li et al. 2020, https://arxiv.org/abs/1810.05934, and Li et al. 2018,
https://jmlr.org/papers/v18/16-558.html. Optuna's own pruners store the score at every rung in a
trial's system attributes, which a restarted search would have to restore; here they are read from
the reported scores. For trials that run one after the other, both make the same decisions.
"""

import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from search.pruners.checks import check_count
from search.records.outcome import Keep, Prune, Verdict
from search.records.stored_trial import is_imported

__all__ = ["HalvingPruner", "HyperbandPruner"]


@dataclass(frozen=True, kw_only=True)
class HalvingPruner:
    """At every rung, only one in ``reduction`` trials continues."""

    #: Evaluations E of a full run.
    evaluations: int
    #: One in this many trials continues.
    reduction: int = 4
    #: Rung k = 0, 1, … is at evaluation ``reduction ** (first_rung + k)``.
    first_rung: int = 0

    def __post_init__(self) -> None:
        check_count("reduction", self.reduction, least=2)
        check_count("first_rung", self.first_rung, least=0)

    def decide(self, study: optuna.Study, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report."""
        if not self.competes(trial):
            return Keep()
        return self.decide_among(study.get_trials(deepcopy=False), trial)

    def competes(self, trial: FrozenTrial) -> bool:
        """Whether the last report reached a rung, so that other trials matter."""
        return bool(self._rungs_of_last_report(trial))

    def decide_among(self, trials: Sequence[FrozenTrial], trial: FrozenTrial) -> Verdict:
        """Decide by comparing the trial with the others among these trials."""
        others = [
            other for other in trials if other.number != trial.number and not is_imported(other)
        ]
        for rung in self._rungs_of_last_report(trial):
            found = [_score_at(other, rung) for other in others]
            competing = [score for score in found if score is not None]
            verdict = self._decide_at(rung, _last_score(trial), competing)
            if isinstance(verdict, Prune):
                return verdict
        return Keep()

    def _rungs_of_last_report(self, trial: FrozenTrial) -> list[int]:
        """Rungs that the trial's last report was the first to reach, except at the run's end."""
        before, last = [0, 0, *sorted(trial.intermediate_values)][-2:]
        exponents = range(self.first_rung, self.first_rung + self.evaluations.bit_length())
        rungs = [self.reduction**exponent for exponent in exponents]
        return [rung for rung in rungs if before < rung <= last < self.evaluations]

    def _decide_at(self, rung: int, own: float, competing: Sequence[float]) -> Verdict:
        ranked = sorted([*competing, own], reverse=True)
        places = max(len(ranked) // self.reduction, 1)
        if own >= ranked[places - 1]:
            return Keep()
        return Prune(
            kind="behind",
            reason=f"score {own:.2f} is not among the best {places} of {len(ranked)}"
            f" (from {ranked[places - 1]:.2f}) at the rung of evaluation {rung}",
        )


@dataclass(frozen=True, kw_only=True)
class HyperbandPruner:
    """Successive halving in brackets that start at different rungs; each trial is in one."""

    #: Evaluations E of a full run.
    evaluations: int
    #: One in this many trials continues at a rung.
    reduction: int = 3

    def __post_init__(self) -> None:
        check_count("reduction", self.reduction, least=2)

    def decide(self, study: optuna.Study, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report."""
        bracket = self.bracket(study.study_name, trial.number)
        halving = HalvingPruner(
            evaluations=self.evaluations, reduction=self.reduction, first_rung=bracket
        )
        if not halving.competes(trial):
            return Keep()
        peers = [
            other
            for other in study.get_trials(deepcopy=False)
            if self.bracket(study.study_name, other.number) == bracket
        ]
        return halving.decide_among(peers, trial)

    def bracket(self, study_name: str, number: int) -> int:
        """The bracket of a trial (the first rung of its halving), from a hash of its name."""
        budgets = self._budgets()
        place = binascii.crc32(f"{study_name}_{number}".encode()) % sum(budgets)
        return next(index for index in range(len(budgets)) if place < sum(budgets[: index + 1]))

    def _budgets(self) -> list[int]:
        """Relative number of trials per bracket; the one that prunes earliest has the most."""
        brackets = 1
        while self.reduction**brackets <= self.evaluations:
            brackets += 1
        later = reversed(range(brackets))
        return [math.ceil(brackets * self.reduction**s / (s + 1)) for s in later]


def _last_score(trial: FrozenTrial) -> float:
    return trial.intermediate_values[max(trial.intermediate_values)]


def _score_at(trial: FrozenTrial, rung: int) -> float | None:
    """The score of the first report at or after the rung; None before the trial reaches it."""
    reached = [step for step in trial.intermediate_values if step >= rung]
    return trial.intermediate_values[min(reached)] if reached else None
