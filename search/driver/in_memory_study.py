"""The in-memory study: the same trials under the same numbers as in PostgreSQL.

Samplers and pruners read only the in-memory study, so proposing parameters and deciding on a
report need no query and continue while the database is unreachable. It can be rebuilt from the
stored trials at any time, and the same decisions then follow from it.
"""

import contextlib
import copy
import logging
import math
from collections.abc import Iterator, Sequence, Set

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from search.records.attempts import attempts_of
from search.records.counts import Counts
from search.records.outcome import TrialEnd, write_end
from search.records.stored_trial import count_trials

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
        with _quiet_storage():
            self.study = optuna.create_study(
                study_name=self.name, storage=self._storage, direction="maximize"
            )
        for trial in sorted(trials, key=lambda trial: trial.number):
            number = self.add(trial)
            assert number == trial.number, f"trial {number} is missing from the stored trials"

    def __len__(self) -> int:
        """Number of trials in any state, which is also the number of the next trial."""
        return len(self.trials())

    def add(self, template: FrozenTrial) -> int:
        """Add a copy of a trial and return its number, the next free one."""
        trial_id = self._storage.create_new_trial(self.study._study_id, template)
        return self._storage.get_trial_number_from_id(trial_id)

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
        write_end(self._storage, self._id(number), end)

    def forget(self, first: int) -> None:
        """Remove trial ``first`` and all later ones, because they were not stored."""
        self._fill(self.trials()[:first])

    def overrule(self, trial: FrozenTrial) -> None:
        """Replace the trial that has the same number, by the version that PostgreSQL holds."""
        trials = self.trials()
        self._fill([*trials[: trial.number], trial, *trials[trial.number + 1 :]])

    def as_of(self, ended: Set[int]) -> "InMemoryStudy":
        """The study as it was when, of the trials that were started, only these had ended."""
        trials = self.trials()
        never_run = {trial.number for trial in trials if not attempts_of(trial)}
        over = ended | never_run
        return InMemoryStudy(
            self.name,
            [trial if trial.number in over else _still_running(trial) for trial in trials],
        )

    def ended(self) -> frozenset[int]:
        """Numbers of the trials that have ended."""
        return frozenset(trial.number for trial in self.trials() if trial.state.is_finished())

    def trial(self, number: int) -> FrozenTrial:
        """The trial as it is now; do not modify it."""
        return self._storage.get_trial(self._id(number))

    def trials(self) -> list[FrozenTrial]:
        """All trials by number; do not modify them."""
        return self.study.get_trials(deepcopy=False)

    def best(self) -> FrozenTrial | None:
        """The complete trial with the highest value (the first of equal ones), or None."""
        complete = [trial for trial in self.trials() if trial.state is TrialState.COMPLETE]
        return max(complete, key=lambda trial: trial.values[0], default=None)

    def curves(self) -> dict[int, dict[int, float]]:
        """The reported scores of every trial: ``{number: {evaluation: score}}``."""
        return {trial.number: dict(trial.intermediate_values) for trial in self.trials()}

    def counts(self) -> Counts:
        """Number of trials in each state."""
        return count_trials(self.trials())

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)


def _still_running(trial: FrozenTrial) -> FrozenTrial:
    running = copy.copy(trial)
    running.state, running.values, running.datetime_complete = TrialState.RUNNING, None, None
    return running


@contextlib.contextmanager
def _quiet_storage() -> Iterator[None]:
    """Suppress "A new study created in memory" without changing Optuna's verbosity."""
    logger = logging.getLogger("optuna.storages._in_memory")
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(record: logging.LogRecord) -> bool:
    del record
    return False
