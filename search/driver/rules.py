"""The decision after a report: collapse rules, the end of a full run, the competitive pruner."""

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
    """The objective, the collapse rules, the pruner, and how a full run gets its value."""

    objective: Objective
    collapse: CollapseRules
    pruner: Pruner
    #: Evaluations E of a full run.
    evaluations: int
    #: Which evaluations determine the value of a full run.
    counted: Counted = "last"

    def decide(
        self, memory: InMemoryStudy, trial: int, reports: Sequence[Report]
    ) -> Outcome | None:
        """The outcome of a running trial after its last report; None if it continues.

        Depends only on the reports and on the finished trials in memory, so repeating the
        decision after a restart gives the same outcome.

        Args:
            memory: The study in memory.
            trial: Number of the trial.
            reports: The reports of its run that this driver received, in order. If an adopted
                trial lost its checkpoints, the study holds scores of later evaluations, too;
                these count once the evaluations are reported again.
        """
        verdict = self.collapse.verdict(reports, self.evaluations, self.objective)
        if isinstance(verdict, Prune):
            return verdict.outcome()
        if len(reports) >= self.evaluations:
            return Completed(value=self.objective.value(reports, self.counted))
        verdict = self.pruner.decide(memory.study, _up_to(memory.trial(trial), len(reports)))
        return verdict.outcome() if isinstance(verdict, Prune) else None


def _up_to(trial: FrozenTrial, evaluations: int) -> FrozenTrial:
    """The trial as it was after that many evaluations."""
    seen = copy.copy(trial)
    seen.intermediate_values = {
        step: score for step, score in trial.intermediate_values.items() if step <= evaluations
    }
    return seen
