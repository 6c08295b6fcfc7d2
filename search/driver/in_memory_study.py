"""The in-memory study: the same trials under the same numbers as in PostgreSQL.

Samplers and pruners read only the in-memory study, so proposing parameters and deciding on a
report need no query and continue while the database is unreachable. It can be rebuilt from the
stored trials at any time, and the same decisions then follow from it.
"""

import copy
import math
from collections import Counter
from collections.abc import Sequence

from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.pruners.full_runs import SearchStudy
from search.records.attempts import attempts_of
from search.records.counts import Counts
from search.records.outcome import TrialEnd, write_end
from search.records.stored_trial import counted_as, is_imported
from search.samplers.quiet import STORAGE, quiet

__all__ = ["InMemoryStudy"]


class InMemoryStudy:
    """An Optuna study in in-memory storage that is maximised; trials are addressed by number."""

    def __init__(self, name: str, trials: Sequence[FrozenTrial] = ()) -> None:
        """Build the study from stored trials.

        Args:
            name: The study's name (hyperband draws its brackets from it).
            trials: The stored trials, in any order, numbered from 0 without a gap.
        """
        #: The study's name.
        self.name = name
        self._fill(trials)

    def _fill(self, trials: Sequence[FrozenTrial]) -> None:
        self._storage = InMemoryStorage()
        with quiet(STORAGE):
            self._storage.create_new_study([StudyDirection.MAXIMIZE], self.name)
        self.study = SearchStudy(self.name, self._storage)
        self._distributions: dict[str, BaseDistribution] = {}
        self._tally: Counter[str] = Counter()
        self._order: list[int] = []  # numbers of the trials that have ended, as they did
        self._best: FrozenTrial | None = None
        for trial in sorted(trials, key=lambda trial: trial.number):
            number = self.add(trial)
            assert number == trial.number, f"trial {number} is missing from the stored trials"

    def __len__(self) -> int:
        """Number of trials in any state, which is also the number of the next trial."""
        return self._tally.total()

    def add(self, template: FrozenTrial) -> int:
        """Add a copy of a trial and return its number, the next free one."""
        trial_id = self._storage.create_new_trial(self.study._study_id, template)
        trial = self._storage.get_trial(trial_id)
        if trial.distributions != self._distributions:
            self._distributions = trial.distributions
        trial.distributions = self._distributions  # the same for all: one copy will do
        self._take_in(trial)
        return trial.number

    def _take_in(self, trial: FrozenTrial) -> None:
        """Count a trial that was added, or that has ended."""
        self._tally[counted_as(trial)] += 1
        if not trial.state.is_finished():
            return
        self._order.append(trial.number)
        if trial.state is TrialState.COMPLETE and not is_imported(trial):
            self.study.full_runs.add(trial)
            self._best = trial if self._best is None else max(self._best, trial, key=_rank)

    def report(self, number: int, evaluation: int, score: float) -> bool:
        """Add the score of one evaluation to a running trial.

        Returns:
            Whether it was added. A score that is not finite, or whose evaluation already has one,
            is ignored here and in PostgreSQL.
        """
        if not math.isfinite(score) or evaluation in self.trial(number).intermediate_values:
            return False
        self._storage.set_trial_intermediate_value(self._id(number), evaluation, score)
        return True

    def finish(self, number: int, end: TrialEnd) -> None:
        """End a running trial."""
        before = counted_as(self.trial(number))
        write_end(self._storage, self._id(number), end)
        self._tally[before] -= 1
        self._take_in(self.trial(number))

    def forget(self, first: int) -> None:
        """Remove trial ``first`` and all later ones, because they were not stored."""
        self._refill(self.trials()[:first])

    def overrule(self, trial: FrozenTrial) -> None:
        """Replace the trial that has the same number, by the version that PostgreSQL holds."""
        trials = self.trials()
        self._refill([*trials[: trial.number], trial, *trials[trial.number + 1 :]])

    def _refill(self, trials: Sequence[FrozenTrial]) -> None:
        """Rebuild the study from these trials; the order in which trials ended stays."""
        place = {number: index for index, number in enumerate(self._order)}
        self._fill(trials)
        self._order.sort(key=lambda number: place.get(number, len(place)))

    def as_of(self, ended: int) -> "InMemoryStudy":
        """The study as it was when its first ``ended`` trials had ended, and no others.

        Trials that were never run count as ended.
        """
        over = set(self._order[:ended])
        return InMemoryStudy(
            self.name,
            [
                trial if trial.number in over or not attempts_of(trial) else _still_running(trial)
                for trial in self.trials()
            ],
        )

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return len(self._order)

    def trial(self, number: int) -> FrozenTrial:
        """The trial as it is now; do not modify it."""
        return self._storage.get_trial(self._id(number))

    def trials(self) -> list[FrozenTrial]:
        """All trials by number; do not modify them."""
        return self.study.get_trials(deepcopy=False)

    def best(self) -> FrozenTrial | None:
        """Its own complete trial with the highest value (the first of equal ones), or None."""
        return self._best

    def counts(self) -> Counts:
        """Number of trials in each state."""
        return Counts(**self._tally)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)


def _rank(trial: FrozenTrial) -> tuple[float, int]:
    """Trials in ascending order: by value, and of equal ones the first is the best."""
    return trial.values[0], -trial.number


def _still_running(trial: FrozenTrial) -> FrozenTrial:
    running = copy.copy(trial)
    running.state, running.values, running.datetime_complete = TrialState.RUNNING, None, None
    return running
