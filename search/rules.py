"""What is decided after a report: collapse first, then the competition, then the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from search.mirror import Mirror
from search.pruners import CollapseRules, Pruner
from search.score import value
from search.trials.outcome import Completed, Outcome, Prune
from trainer.records import Report

__all__ = ["Rules"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Both layers of pruning and the value of a full run."""

    collapse: CollapseRules
    pruner: Pruner
    #: Evaluations E of a full run.
    evaluations: int
    #: Which evaluations make the value of a full run; see ``search/score.py``.
    counted: Literal["last", "best"] = "last"

    def decide(self, mirror: Mirror, trial: int, reports: Sequence[Report]) -> Outcome | None:
        """The outcome of a running trial after its last report; None while it goes on.

        A function of the reports and of the finished trials in the mirror: taken again after
        a restart it is the same.
        """
        verdict = self.collapse.verdict(reports, self.evaluations)
        if isinstance(verdict, Prune):
            return verdict.outcome()
        if len(reports) >= self.evaluations:
            return Completed(value=value(reports, self.counted))
        verdict = self.pruner.decide(mirror.study, mirror.trial(trial))
        return verdict.outcome() if isinstance(verdict, Prune) else None
