"""What is decided after a report: collapse first, then the competition, then the end."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.driver.in_memory_study import InMemoryStudy
from search.objectives import Counted, Objective
from search.pruners import CollapseRules, Pruner
from search.records.outcome import Completed, Outcome, Prune
from trainer.records import Report

__all__ = ["Rules"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The objective, both layers of pruning, and the value of a full run."""

    objective: Objective
    collapse: CollapseRules
    pruner: Pruner
    #: Evaluations E of a full run.
    evaluations: int
    #: Which evaluations make the value of a full run.
    counted: Counted = "last"

    def decide(
        self, memory: InMemoryStudy, trial: int, reports: Sequence[Report]
    ) -> Outcome | None:
        """The outcome of a running trial after its last report; None while it goes on.

        A function of the reports and of the finished trials in memory: taken again after
        a restart it is the same.

        Args:
            memory: The study in memory.
            trial: Number of the trial.
            reports: What this driver was told of its run, in order. Of an adopted trial whose
                checkpoints are gone the study has scores beyond these, which wait to be reported
                again: they count once they are.
        """
        verdict = self.collapse.verdict(reports, self.evaluations, self.objective)
        if isinstance(verdict, Prune):
            return verdict.outcome()
        if len(reports) >= self.evaluations:
            return Completed(value=self.objective.value(reports, self.counted))
        verdict = self.pruner.decide(memory.study, _up_to(memory.trial(trial), len(reports)))
        return verdict.outcome() if isinstance(verdict, Prune) else None


def _up_to(trial: FrozenTrial, evaluations: int) -> FrozenTrial:
    """The trial as it was after so many evaluations."""
    seen = copy.copy(trial)
    seen.intermediate_values = {
        step: score for step, score in trial.intermediate_values.items() if step <= evaluations
    }
    return seen
