"""What the full runs of a study say about stopping trials early: from when on, and how many.

A rule that stops trials at an evaluation is only as good as the order of the runs there. For the
runs that nobody may stop, both that order and the final one are known. Nothing here depends on
anything but these runs: the bootstrap has its own generator with a fixed seed.

Shape letters: E evaluations, I runs, R resamples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.pruners.full_runs import mean_of, quantile
from trainer.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Order = tuple[float, float]

__all__ = ["Choice", "Curve", "choose"]

#: Share of the runs that a rule keeps, to the rank correlation that it needs: the lower bound.
NEEDED: Mapping[float, float] = {0.5: 0.8, 0.75: 0.5}
#: A rule must have kept each run of this share of the best.
BEST_SHARE = 0.2
CONFIDENCE = 0.95  # of the lower bound, one-sided
RESAMPLES = 200
MOST_RUNS = 60  # the newest, so that a long study does not slow down


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A run that nobody may stop, after its end."""

    number: int
    value: float
    #: By evaluation.
    scores: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """From when on trials are stopped, how many, and why."""

    #: Evaluation from which on trials are stopped; that of the end for never.
    evaluation: int
    #: Evaluations E of a full run.
    evaluations: int
    #: Share of the full runs that a trial must be among to be kept.
    keep: float
    #: Spearman's rank correlation with the end at that evaluation, and its lower bound.
    correlation: float
    bound: float
    #: Number of runs that it is based on.
    runs: int

    @property
    def never(self) -> bool:
        """Whether no trial is stopped any more."""
        return self.evaluation >= self.evaluations

    @property
    def warm_up(self) -> float:
        """Share of the run before which no trial is stopped."""
        return self.evaluation / self.evaluations

    @property
    def saved(self) -> float:
        """Share of the training that it saves, of trials that are as good as full runs."""
        return (1 - self.keep) * (1 - self.warm_up)

    def text(self) -> str:
        """The choice in one phrase."""
        if self.never:
            return f"stops no trial any more: {self.runs} immune full runs speak against it"
        return (
            f"keeps the best {100 * self.keep:g} % after a warm-up of {100 * self.warm_up:.0f} %:"
            f" rank correlation with the end there {self.correlation:.2f} (at least"
            f" {self.bound:.2f}), from {self.runs} immune full runs"
        )


def choose(
    runs: Sequence[Curve],
    before: Choice | None,
    *,
    evaluations: int,
    earliest: float,
    window: int,
    least_runs: int,
) -> Choice | None:
    """The boldest rule that these runs allow; never bolder than the one before.

    At an evaluation the lower bound of the rank correlation with the end must be high enough, and
    the rule, from there on, must have stopped none of the best runs. Of the rules for which that
    holds, the one that saves most is taken.

    Args:
        runs: The runs, the newest last.
        before: The choice from all of them but the last; None if there was none.
        evaluations: Evaluations E of a full run.
        earliest: Share of the run before which no trial may be stopped.
        window: Evaluations whose scores are averaged.
        least_runs: Number of runs without which nothing is chosen.
    """
    runs = [run for run in runs[-MOST_RUNS:] if run.scores]
    if len(runs) < least_runs:
        return before
    first = max(1, math.ceil(earliest * evaluations)) if before is None else before.evaluation
    least_keep = 0.0 if before is None else before.keep
    seen = _Seen.of(runs, evaluations, window)
    best: Choice | None = None
    for evaluation in range(first, evaluations):
        left = 1 - evaluation / evaluations
        if best is not None and best.saved >= (1 - min(NEEDED)) * left:
            break  # no later evaluation can save more
        safe = [
            keep
            for keep in NEEDED
            if keep >= least_keep
            and (best is None or (1 - keep) * left > best.saved)
            and seen.keeps_the_best(keep, evaluation)
        ]
        if not safe:
            continue
        correlation, bound = seen.order(evaluation)
        allowed = [keep for keep in safe if bound >= NEEDED[keep]]
        if allowed:
            best = Choice(
                evaluation=evaluation,
                evaluations=evaluations,
                keep=min(allowed),
                correlation=correlation,
                bound=bound,
                runs=len(runs),
            )
    if best is not None:
        return best
    if before is None:
        return None
    return Choice(
        evaluation=evaluations,
        evaluations=evaluations,
        keep=before.keep,
        correlation=before.correlation,
        bound=before.bound,
        runs=len(runs),
    )


@dataclass(frozen=True)
class _Seen:
    """The runs, as a rule sees them."""

    #: Means of the last scores at each evaluation; NaN where a run has none.
    means_EI: "Array"
    values_I: "Array"

    @classmethod
    def of(cls, runs: Sequence[Curve], evaluations: int, window: int) -> "_Seen":
        """Average the scores."""
        import numpy as np  # lazily: readers need it for this pruner alone

        means = [
            [mean_of(run.scores, evaluation, window) for run in runs]
            for evaluation in range(1, evaluations + 1)
        ]
        return cls(np.array(means, dtype=float), np.array([run.value for run in runs]))

    def order(self, evaluation: int) -> "Order":
        """The rank correlation of the means there with the values, and its lower bound."""
        import numpy as np  # lazily: as above

        means_I = self.means_EI[evaluation - 1]
        known = np.flatnonzero(~np.isnan(means_I))
        if len(known) < 3:
            return -1.0, -1.0
        generator = numpy_generator("auto pruner", evaluation, len(known))
        chosen_RI = known[generator.integers(0, len(known), size=(RESAMPLES, len(known)))]
        drawn_R = _spearman(means_I[chosen_RI], self.values_I[chosen_RI])
        (whole,) = _spearman(means_I[None, known], self.values_I[None, known])
        return float(whole), float(np.quantile(drawn_R, 1 - CONFIDENCE))

    def keeps_the_best(self, keep: float, first: int) -> bool:
        """Whether a rule would have stopped none of the best runs.

        Each is compared with the others, at every evaluation before the end.

        Args:
            keep: The share that the rule keeps.
            first: The first evaluation at which it stops runs.
        """
        import numpy as np  # lazily: as above

        count = math.ceil(BEST_SHARE * len(self.values_I))
        best = np.argsort(-self.values_I, kind="stable")[:count]
        for means_I in self.means_EI[first - 1 : -1]:
            known = np.flatnonzero(~np.isnan(means_I))
            ordered = known[np.argsort(means_I[known], kind="stable")]
            ascending = means_I[ordered].tolist()
            places = {run: place for place, run in enumerate(ordered.tolist())}
            for run in best.tolist():
                if (place := places.get(run)) is None or len(ascending) < 2:
                    continue
                others = [*ascending[:place], *ascending[place + 1 :]]
                if ascending[place] < quantile(others, 1 - keep):
                    return False
        return True


def _spearman(one_RI: "Array", other_RI: "Array") -> "Array":
    """The rank correlation of each row; -1 where all numbers of a row are equal."""
    import numpy as np  # lazily: as above
    import scipy

    ranks: list[Any] = [
        scipy.stats.rankdata(each, axis=1) - (each.shape[1] + 1) / 2 for each in (one_RI, other_RI)
    ]
    size_R = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    product_R = (ranks[0] * ranks[1]).sum(axis=1)
    return np.where(size_R > 0, product_R / np.where(size_R > 0, size_R, 1.0), -1.0)
