"""The full runs of a study, kept so that comparing a trial with them costs little.

Among 5,000 trials, averaging each full run's scores anew at each report would take longer than
anything else that the driver does. Here each run is averaged once for each evaluation.
"""

import bisect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

__all__ = ["FullRuns", "SearchStudy", "mean_of", "mean_score", "quantile"]


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
        self._by_number: dict[int, FrozenTrial] = {}
        self._means: dict[tuple[int, int], _Means] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._runs)

    def add(self, run: FrozenTrial) -> None:
        """Take in a complete trial, which does not change any more."""
        self._runs.append(run)
        self._by_number[run.number] = run

    def run(self, number: int) -> FrozenTrial | None:
        """The run of that number; None if there is none."""
        return self._by_number.get(number)

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
        #: What pruners computed from trials that have ended, so that they do it once.
        self.kept: dict[Hashable, Any] = {}

    def is_open(self, number: int) -> bool:
        """Whether the trial of that number may still become a full run."""
        storage = self._storage
        assert isinstance(storage, InMemoryStorage)
        try:
            found = storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        except KeyError:
            return True
        return not storage.get_trial(found).state.is_finished()


def mean_score(trial: FrozenTrial, evaluation: int, window: int) -> float | None:
    """Mean of a trial's scores at the last ``window`` evaluations up to this one; None without."""
    return mean_of(trial.intermediate_values, evaluation, window)


def mean_of(scores: Mapping[int, float], evaluation: int, window: int) -> float | None:
    """Mean of the scores at the last ``window`` evaluations up to this one; None without."""
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
