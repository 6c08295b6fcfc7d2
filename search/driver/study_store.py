"""The ledger: stores one journal entry in PostgreSQL, exactly once however often it is tried.

An entry whose first try was interrupted may or may not be stored. Tried again in doubt,
the ledger reads the study first and writes only what is missing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Engine

from search.driver.writes import AddTrial, EndTrial, Entry, NewAttempt, StoreReport, StoreTest
from search.errors import SearchError, StudyError
from search.records.outcome import write_end
from search.records.stored_checkpoint import StoredCheckpoint
from storage.optuna_schema import MARK_ATTRIBUTE
from storage.outage import translated
from storage.reports import reports_of, store_report
from storage.studies import get_study, mark_finished

__all__ = [
    "ATTEMPTS_ATTRIBUTE",
    "TEST_ATTRIBUTE",
    "Ledger",
    "attempts_of",
    "checkpoints_of",
    "trial_template",
]

#: System attribute of a trial: ``[[attempt, epoch, why the attempt before it ended], …]``.
ATTEMPTS_ATTRIBUTE = "unim2:attempts"
#: System attribute of a trial: its checkpoints in the depot that count, the newest first.
CHECKPOINTS_ATTRIBUTE = "unim2:checkpoints"
#: System attribute of the study: where its depot is.
ARTIFACTS_ATTRIBUTE = "unim2:artifacts"
#: User attribute of the study: which trial was scored on the test split, and its scores.
TEST_ATTRIBUTE = "test"


class LedgerMismatch(SearchError):
    """What is stored contradicts what is to be stored: somebody else wrote to the study."""


def trial_template(
    parameters: Mapping[str, float], distributions: dict[str, BaseDistribution], epoch: int
) -> FrozenTrial:
    """A RUNNING trial with all its parameters and its first attempt, stored in one transaction."""
    return create_trial(
        state=TrialState.RUNNING,
        params=dict(parameters),
        distributions=distributions,
        system_attrs={ATTEMPTS_ATTRIBUTE: [[1, epoch, "new"]]},
    )


def attempts_of(trial: FrozenTrial) -> list[tuple[int, int, str]]:
    """The trial's attempts in order: number, lease epoch, why it began."""
    stored = trial.system_attrs.get(ATTEMPTS_ATTRIBUTE, [])
    return [(int(attempt), int(epoch), str(why)) for attempt, epoch, why in stored]


def checkpoints_of(trial: FrozenTrial) -> tuple[StoredCheckpoint, ...]:
    """The trial's checkpoints in the depot that count, the newest first."""
    stored = trial.system_attrs.get(CHECKPOINTS_ATTRIBUTE, [])
    return tuple(StoredCheckpoint.from_json(item) for item in stored)


class Ledger:
    """The study in PostgreSQL, as its one driver writes it."""

    def __init__(
        self,
        *,
        storage: BaseStorage,
        engine: Engine,
        name: str,
        mark: str,
        distributions: dict[str, BaseDistribution],
        revive: Callable[[], None],
    ) -> None:
        """Look the study up, creating it in Optuna's tables where it is new.

        Args:
            storage: Optuna's storage, fenced by the driver's lease.
            engine: The engine of the same storage, for our own tables.
            name: The study's name.
            mark: Tells our study from another one of the same name in Optuna's tables.
            distributions: Of every parameter of the search space.
            revive: Starts an embedded server again if it has died.
        """
        self._storage, self._engine, self._name = storage, engine, name
        self._distributions, self._revive = distributions, revive
        self._ids: dict[int, int] = {}
        study = optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True
        )
        self._study_id = study._study_id
        self._claim(mark)

    def _claim(self, mark: str) -> None:
        """Make sure that the study in Optuna's tables is the one of our own tables.

        Raises:
            StudyError: If it is another one, or its trials were deleted.
        """
        found = self._storage.get_study_system_attrs(self._study_id).get(MARK_ATTRIBUTE)
        if found == mark:
            return
        if found is not None or self._storage.get_n_trials(self._study_id) > 0:
            raise StudyError(
                f"the database holds another Optuna study named {self._name!r}:"
                " give --study another name"
            )
        if reports_of(self._engine, study=self._name, trial=0):
            raise StudyError(
                f"the trials of study {self._name!r} were deleted from the database:"
                " give --study another name"
            )
        self._storage.set_study_system_attr(self._study_id, MARK_ATTRIBUTE, mark)

    def load(self) -> list[FrozenTrial]:
        """All stored trials by number."""
        with translated():
            trials = self._storage.get_all_trials(self._study_id, deepcopy=True)
        self._ids = {trial.number: trial._trial_id for trial in trials}
        return sorted(trials, key=lambda trial: trial.number)

    def checkpoints(self, number: int) -> tuple[StoredCheckpoint, ...]:
        """A trial's checkpoints in the depot, as they are stored now."""
        with translated():
            return checkpoints_of(self._storage.get_trial(self._ids[number]))

    def artifacts(self) -> str | None:
        """Where the study's depot is; None if it never had one."""
        with translated():
            attributes = self._storage.get_study_system_attrs(self._study_id)
        place: str | None = attributes.get(ARTIFACTS_ATTRIBUTE)
        return place

    def store_artifacts(self, place: str) -> None:
        """Note where the study's depot is, for whoever resumes it."""
        with translated():
            self._storage.set_study_system_attr(self._study_id, ARTIFACTS_ATTRIBUTE, place)

    def test_scores(self) -> dict[str, Any] | None:
        """The stored scores of the best trial on the test split, if they were read."""
        with translated():
            attributes = self._storage.get_study_user_attrs(self._study_id)
        stored: dict[str, Any] | None = attributes.get(TEST_ATTRIBUTE)
        return stored

    def apply(self, entry: Entry, *, in_doubt: bool) -> None:
        """Store the entry.

        Raises:
            DatabaseAway: If PostgreSQL cannot be reached; the entry may or may not be stored.
            LeaseLost: If another driver has taken the study over; nothing was stored.
        """
        with translated():
            if in_doubt:
                self.load()
            match entry:
                case AddTrial():
                    self._add(entry)
                case NewAttempt():
                    self._attempt(entry)
                case StoreReport():
                    self._report(entry, in_doubt=in_doubt)
                case EndTrial():
                    self._end(entry, in_doubt=in_doubt)
                case StoreTest():
                    self._test(entry)

    def stop_requested(self) -> bool:
        """Whether somebody asked this search to stop."""
        with translated():
            return get_study(self._engine, self._name).stop_requested

    def revive(self) -> None:
        """Start an embedded server again if it has died; nothing for any other."""
        self._revive()

    def _add(self, entry: AddTrial) -> None:
        if entry.trial in self._ids:  # only in doubt: the first try was stored
            self._check_same(entry)
            return
        template = trial_template(entry.parameters, self._distributions, entry.epoch)
        trial_id = self._storage.create_new_trial(self._study_id, template)
        number = self._storage.get_trial_number_from_id(trial_id)
        if number != entry.trial:
            raise LedgerMismatch(
                f"study {self._name!r} gave the number {number} to trial {entry.trial}:"
                " something else adds trials to it; end that, then resume"
            )
        self._ids[number] = trial_id

    def _check_same(self, entry: AddTrial) -> None:
        stored = self._storage.get_trial(self._ids[entry.trial])
        if stored.params != entry.parameters:
            raise LedgerMismatch(
                f"trial {entry.trial} of study {self._name!r} is stored with other parameters:"
                " something else adds trials to it; end that, then resume"
            )

    def _attempt(self, entry: NewAttempt) -> None:
        trial_id = self._ids[entry.trial]
        trial = self._storage.get_trial(trial_id)
        if entry.parameters is not None:
            self._complete(trial, entry.parameters)
        attempts = attempts_of(trial)
        if not attempts or attempts[-1][0] < entry.attempt:
            attempts.append((entry.attempt, entry.epoch, entry.why))
            plain: list[Any] = [list(attempt) for attempt in attempts]
            self._storage.set_trial_system_attr(trial_id, ATTEMPTS_ATTRIBUTE, plain)

    def _complete(self, trial: FrozenTrial, parameters: Mapping[str, float]) -> None:
        """Give a trial that somebody left half made all its parameters."""
        if trial.state is TrialState.WAITING:
            self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        for name, value in parameters.items():
            if name not in trial.params:
                self._storage.set_trial_param(
                    trial._trial_id, name, value, self._distributions[name]
                )

    def _report(self, entry: StoreReport, *, in_doubt: bool) -> None:
        trial_id = self._ids[entry.trial]
        evaluation = entry.report.evaluation
        store_report(
            self._engine,
            study=self._name,
            trial=entry.trial,
            evaluation=evaluation,
            payload=entry.report.to_json(),
        )
        if entry.stored is not None:
            stored: list[Any] = [checkpoint.to_json() for checkpoint in entry.stored]
            self._storage.set_trial_system_attr(trial_id, CHECKPOINTS_ATTRIBUTE, stored)
        if entry.score is None or (in_doubt and self._is_ended(trial_id)):
            return
        self._storage.set_trial_intermediate_value(trial_id, evaluation, entry.score)

    def _end(self, entry: EndTrial, *, in_doubt: bool) -> None:
        trial_id = self._ids[entry.trial]
        if in_doubt and self._is_ended(trial_id):
            self._check_same_end(entry)
        else:
            write_end(self._storage, trial_id, entry.end)

    def _is_ended(self, trial_id: int) -> bool:
        return self._storage.get_trial(trial_id).state.is_finished()

    def _check_same_end(self, entry: EndTrial) -> None:
        stored = self._storage.get_trial(self._ids[entry.trial])
        if (stored.state, stored.value) != (entry.end.state, entry.end.value):
            raise LedgerMismatch(
                f"trial {entry.trial} of study {self._name!r} is already stored as"
                f" {stored.state.name} {stored.value}: something else writes to the study;"
                " end that, then resume"
            )

    def _test(self, entry: StoreTest) -> None:
        self._storage.set_study_user_attr(self._study_id, TEST_ATTRIBUTE, entry.result)
        mark_finished(self._engine, self._name)
