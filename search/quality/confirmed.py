"""What fresh runs of the finalists confirm, and which of them cannot be told apart.

All finalists and references run with the same seeds, so two of them are compared seed by seed: the
interval of the mean difference is narrower than the two intervals suggest.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from search.records.confirmation import ChosenBy, Confirmation, StoredConfirmation
from search.records.jobs import DEFAULTS, KMEANS, REFERENCES

__all__ = ["Confirmed", "Repeated", "confirmed", "interval_of_mean"]

TAIL = 0.975  # of a two-sided 95 % interval


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """Several runs that differ in their seeds alone."""

    #: Number of the trial, or of a reference.
    trial: int
    #: Values by seed; failed runs are left out.
    values: Mapping[int, float]
    #: Number of runs that failed.
    failed: int
    #: Number of runs that a collapse rule would have stopped.
    collapsed: int
    mean: float
    #: The 95 % interval of the mean by Student's t; None for a single run.
    interval: tuple[float, float] | None
    #: Means of the criteria that every run with a value has.
    criteria: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as ``trial 12`` or ``defaults``."""
        return REFERENCES.get(self.trial) or f"trial {self.trial}"


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """The result of a confirmation, complete or so far."""

    #: The finalist with the highest mean over fresh seeds.
    best: Repeated
    #: All finalists with enough runs, the best one first.
    finalists: tuple[Repeated, ...]
    #: Mean of the best finalist, chosen and measured by different seeds; None if there are less
    #: than two seeds. It is free of the luck that the best of several means still has.
    held_out: float | None
    #: Numbers of the finalists that cannot be told apart from the best one, which is the first.
    not_worse: tuple[int, ...]
    #: ``defaults`` and ``kmeans``, as far as they have a run.
    references: Mapping[str, Repeated]
    #: Names of the references that were planned.
    planned_references: tuple[str, ...]
    #: Runs that ended, and runs planned.
    done: int
    planned: int
    #: Seeds of each finalist that were planned.
    seeds: int
    chosen_by: ChosenBy

    def below(self) -> tuple[str, ...]:
        """The references that the best finalist does not exceed."""
        return tuple(name for name, each in self.references.items() if self.best.mean <= each.mean)

    def unclear(self) -> tuple[str, ...]:
        """The references that it exceeds by no more than seeds may explain."""
        return tuple(
            name
            for name, each in self.references.items()
            if name not in self.below() and _may_equal(self.best, each)
        )

    def lacking(self, leads: Mapping[str, float]) -> Mapping[str, str]:
        """The references that only the value of the best finalist exceeds.

        Args:
            leads: Criteria, and by how much each must exceed that of a reference. One that is not
                stored for both is not compared.

        Returns:
            Name of the reference to the first criterion that does not.
        """
        found = {}
        for name, each in self.references.items():
            lacking = [
                criterion
                for criterion, lead in leads.items()
                if criterion in self.best.criteria.keys() & each.criteria.keys()
                and self.best.criteria[criterion] <= each.criteria[criterion] + lead
            ]
            if lacking and name not in self.below():
                found[name] = lacking[0]
        return found


def confirmed(stored: Confirmation) -> Confirmed | None:
    """What the runs show; None before any finalist has values for most of its seeds."""
    plan = stored.plan
    if plan is None:
        return None
    enough = [
        each
        for each in (_repeated(stored, plan, "confirm", trial) for trial in plan.trials)
        if each is not None and 2 * len(each.values) > plan.seeds
    ]
    if not enough:
        return None
    finalists = sorted(enough, key=lambda each: -each.mean)
    best = finalists[0]
    found = [_repeated(stored, plan, "reference", number) for number in (DEFAULTS, KMEANS)]
    jobs = plan.jobs()
    return Confirmed(
        best=best,
        finalists=tuple(finalists),
        held_out=_held_out(finalists),
        not_worse=tuple(each.trial for each in finalists if _may_equal(best, each)),
        references={each.name: each for each in found if each is not None},
        planned_references=plan.references,
        done=sum(job in stored.runs for job in jobs),
        planned=len(jobs),
        seeds=plan.seeds,
        chosen_by=plan.chosen_by,
    )


def _repeated(
    stored: Confirmation, plan: StoredConfirmation, kind: str, trial: int
) -> Repeated | None:
    """The runs of one finalist or reference; None if none has a value."""
    runs = {
        job.seed: stored.runs[job]
        for job in plan.jobs()
        if job.kind == kind and job.trial == trial and job in stored.runs and job.seed is not None
    }
    values = {seed: run.value for seed, run in runs.items() if run.value is not None}
    if not values:
        return None
    numbers = list(values.values())
    return Repeated(
        trial=trial,
        values=values,
        failed=len(runs) - len(values),
        collapsed=sum(run.collapsed for run in runs.values()),
        mean=statistics.fmean(numbers),
        interval=interval_of_mean(numbers),
        criteria=_mean_criteria([runs[seed].figures for seed in values]),
    )


def _mean_criteria(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    common = set[str].intersection(*(set(each) for each in runs))
    return {name: statistics.fmean(each[name] for each in runs) for name in sorted(common)}


def interval_of_mean(numbers: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean by Student's t; None for fewer than two numbers."""
    if len(numbers) < 2:
        return None
    from scipy.special import stdtrit  # lazily: unconfirmed studies need none of it

    mean = statistics.fmean(numbers)
    quantile = float(stdtrit(len(numbers) - 1, TAIL))
    apart = quantile * statistics.stdev(numbers) / len(numbers) ** 0.5
    return mean - apart, mean + apart


def _may_equal(best: Repeated, other: Repeated) -> bool:
    """Whether the interval of the mean difference over common seeds contains 0."""
    common = best.values.keys() & other.values.keys()
    interval = interval_of_mean(
        [best.values[seed] - other.values[seed] for seed in sorted(common)]
    )
    return best is other or interval is None or interval[0] <= 0 <= interval[1]


def _held_out(finalists: Sequence[Repeated]) -> float | None:
    """Mean over the seeds of the value of the finalist that is best on the other seeds."""
    common = set[int].intersection(*(set(each.values) for each in finalists))
    if len(common) < 2:
        return None
    values = []
    for seed in sorted(common):
        others = common - {seed}
        chosen = max(
            finalists, key=lambda each: statistics.fmean(each.values[other] for other in others)
        )
        values.append(chosen.values[seed])
    return statistics.fmean(values)
