"""The full runs of a study, kept so that comparing a trial with them costs little.

Among 5,000 trials, averaging each full run's scores anew at each report would take longer than
anything else that the driver does. Here each run is averaged once for each evaluation.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

__all__ = ["FullRuns", "SearchStudy", "mean_score", "quantile"]


@dataclass(kw_only=True)
class _Means:
    """Means of the runs at an evaluation."""

    #: In ascending order; runs without a score there have none.
    ascending: list[float] = field(default_factory=list)
    #: Runs that were averaged so far.
    runs: int = 0


class FullRuns:
    """Trials that ran to their end, in the order in which they did."""

    def __init__(self) -> None:
        self._runs: list[FrozenTrial] = []
        self._means: dict[tuple[int, int], _Means] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._runs)

    def add(self, run: FrozenTrial) -> None:
        """Take in a complete trial, which does not change any more."""
        self._runs.append(run)

    def means(self, evaluation: int, window: int) -> Sequence[float]:
        """The :func:`mean_score` of each run that has one, in ascending order."""
        known = self._means.setdefault((evaluation, window), _Means())
        for run in self._runs[known.runs :]:
            mean = mean_score(run, evaluation, window)
            if mean is not None:
                bisect.insort(known.ascending, mean)
        known.runs = len(self._runs)
        return known.ascending


class SearchStudy(optuna.Study):
    """An Optuna study in memory that keeps its full runs at hand."""

    def __init__(self, study_name: str, storage: InMemoryStorage) -> None:
        """Open the study of that name, which the storage has."""
        super().__init__(study_name=study_name, storage=storage)
        self.full_runs = FullRuns()


def mean_score(trial: FrozenTrial, evaluation: int, window: int) -> float | None:
    """Mean of a trial's scores at the last ``window`` evaluations up to this one; None without."""
    scores = trial.intermediate_values
    steps = range(evaluation - window + 1, evaluation + 1)
    found = [scores[step] for step in steps if step in scores]
    return sum(found) / len(found) if found else None


def quantile(ascending: Sequence[float], share: float) -> float:
    """The quantile of numbers in ascending order, to the last bit that of ``numpy.quantile``.

    Args:
        ascending: At least one finite number.
        share: From 0 to 1.
    """
    place = (len(ascending) - 1) * share
    below = int(place)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    weight = place - below
    if weight >= 0.5:  # as NumPy interpolates, so that both ends are met exactly
        return high - (high - low) * (1 - weight)
    return low + (high - low) * weight
