"""The pruner ``auto``: the competitive rule, as early and as strict as the study's own runs allow.

How early the order of runs tells their end differs between data sets: on some the first
evaluations rank runs well, on others none of the first half does. The immune trials, which run to
their end whatever happens, show which it is. Until enough of them have ended, no trial is stopped.
Then their evidence (``evidence.py``) chooses a warm-up and the share to keep, and is looked at
again whenever an immune trial ends: within a study the warm-up only moves later, and the share to
keep only grows.

Immune trials are taken in by their number, each once all earlier ones have ended. The choice is
therefore a function of the trials that have ended, in whatever order they did, and is the same
after a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial

from search.pruners.checks import check_count, check_share
from search.pruners.competitive import CompetitivePruner
from search.pruners.evidence import Choice, Curve, choose
from search.pruners.full_runs import SearchStudy
from search.pruners.immunity import SparingPruner
from search.records.outcome import Verdict

__all__ = ["AutoPruner", "Evidence"]


@dataclass(kw_only=True)
class Evidence:
    """The immune full runs so far, and what follows from them."""

    #: The first immune trial that has not been looked at.
    next: int = 0
    runs: list[Curve] = field(default_factory=list)
    choice: Choice | None = None


@dataclass(frozen=True, kw_only=True)
class AutoPruner(SparingPruner):
    """Chooses warm-up and share to keep from the immune full runs."""

    #: Evaluations E of a full run.
    evaluations: int
    #: Share of the run before which no trial is stopped, whatever the runs say.
    earliest: float = 0.1
    #: Evaluations whose scores are averaged.
    window: int = 3
    #: Immune full runs before the first choice.
    least_full_runs: int = 12

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("earliest", self.earliest)
        check_count("window", self.window, least=1)
        check_count("least_full_runs", self.least_full_runs, least=5)

    def judge(self, study: SearchStudy, trial: FrozenTrial) -> Verdict | None:
        """Decide as if the trial were not immune; None where this pruner stops no trial."""
        choice = self._looked_at(study).choice
        if choice is None or choice.never:
            return None
        return self._rule(choice).judge(study, trial)

    def choice(self, ended: Mapping[int, Curve | None]) -> tuple[Choice | None, int]:
        """The choice in a study of which these trials have ended, and how many runs it has.

        Args:
            ended: Trials that have ended, by number; None for one that is not a full run.
        """
        evidence = Evidence()
        while (number := self._next_immune(evidence.next)) in ended:
            self._take(evidence, number, ended[number])
        return evidence.choice, len(evidence.runs)

    def _looked_at(self, study: SearchStudy) -> Evidence:
        """The evidence of a study, kept with it so that each run is looked at once."""
        evidence: Evidence = study.kept.setdefault(self, Evidence())
        while not study.is_open(number := self._next_immune(evidence.next)):
            run = study.full_runs.run(number)
            curve = None
            if run is not None:
                curve = Curve(
                    number=number, value=run.values[0], scores=dict(run.intermediate_values)
                )
            self._take(evidence, number, curve)
        return evidence

    def _take(self, evidence: Evidence, number: int, curve: Curve | None) -> None:
        evidence.next = number + 1
        if curve is None:
            return
        evidence.runs.append(curve)
        evidence.choice = choose(
            evidence.runs,
            evidence.choice,
            evaluations=self.evaluations,
            earliest=self.earliest,
            window=self.window,
            least_runs=self.least_full_runs,
        )

    def _next_immune(self, number: int) -> int:
        while not self.is_immune(number):
            number += 1
        return number

    def _rule(self, choice: Choice) -> CompetitivePruner:
        return CompetitivePruner(
            evaluations=self.evaluations,
            keep=choice.keep,
            warm_up=choice.warm_up,
            window=self.window,
            immune_first=self.immune_first,
            immune_every=self.immune_every,
        )
