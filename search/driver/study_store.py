"""The study store: applies each write to PostgreSQL exactly once, however often it is tried.

A write whose first try was interrupted may or may not be stored. When it is tried again, the study
store reads the study first and writes only what is missing.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from search.driver.batches import make_batch
from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.writes import (
    AddTrial,
    Batchable,
    EndTrial,
    NewAttempt,
    StartQueued,
    StoreAttribute,
    StoreNote,
    StorePlot,
    StoreReport,
    StoreTest,
    Write,
)
from search.errors import StudyError
from search.objectives import Objective
from search.records.attempts import ATTEMPTS_ATTRIBUTE, attempts_of, first_attempt
from search.records.confirmation import Confirmation
from search.records.outcome import write_end
from search.records.stored_checkpoint import CHECKPOINTS_ATTRIBUTE, StoredCheckpoint
from search.records.stored_picture import PLACES_ATTRIBUTE, places_of
from search.records.stored_trial import (
    CANONICAL_ATTRIBUTE,
    DATA_NOTES_ATTRIBUTE,
    END_ATTRIBUTE,
    QUEUED_ATTRIBUTE,
    TEST_ATTRIBUTE,
    end_mark,
    ended_by_driver,
    test_of,
)
from search.records.study_note import PLOT, is_ours
from storage.optuna_store import SearchStorage
from storage.outage import translated
from storage.reports import reports_of, store_report
from storage.studies import get_study, mark_finished
from trainer.records import Report

__all__ = [
    "ARTIFACTS_ATTRIBUTE",
    "ATTEMPTS_ATTRIBUTE",
    "StudyStore",
    "attempts_of",
    "checkpoints_of",
    "trial_template",
]

#: System attribute of the study: where its artifact store is.
ARTIFACTS_ATTRIBUTE = "unim2:artifacts"


def trial_template(
    parameters: Mapping[str, float],
    distributions: dict[str, BaseDistribution],
    epoch: int,
    canonical: Mapping[str, float] = MappingProxyType({}),
) -> FrozenTrial:
    """A RUNNING trial with all its parameters and its first attempt, stored in one transaction.

    Args:
        parameters: Its parameters.
        distributions: Optuna's distribution of each.
        epoch: The lease's epoch.
        canonical: Its canonical vector.
    """
    return create_trial(
        state=TrialState.RUNNING,
        params=dict(parameters),
        distributions=distributions,
        user_attrs={CANONICAL_ATTRIBUTE: dict(canonical)},
        system_attrs=first_attempt(epoch, "new"),
    )


def checkpoints_of(trial: FrozenTrial) -> tuple[StoredCheckpoint, ...]:
    """The trial's valid checkpoints in the artifact store, newest first."""
    stored = trial.system_attrs.get(CHECKPOINTS_ATTRIBUTE, [])
    return tuple(StoredCheckpoint.from_json(item) for item in stored)


class StudyStore:
    """Reads and writes one study in PostgreSQL, for its driver."""

    def __init__(
        self,
        *,
        storage: SearchStorage,
        engine: Engine,
        name: str,
        distributions: dict[str, BaseDistribution],
        objective: Objective,
        check_lease: Callable[[], None],
        revive: Callable[[], None],
    ) -> None:
        """Find the study.

        Args:
            storage: Optuna's storage, fenced by the driver's lease.
            engine: The engine of the same storage, for our own tables.
            name: The study's name.
            distributions: Optuna's distribution of each parameter of the search space.
            objective: What the study maximises; computes the scores of stored reports.
            check_lease: Raises if another driver holds the lease.
            revive: Restarts an embedded server if it has died.
        """
        self._storage, self._engine, self._name = storage, engine, name
        self._distributions, self._revive = distributions, revive
        self._objective, self._check_lease = objective, check_lease
        self._ids: dict[int, int] = {}
        self._known = 0  # the driver knows the trials with numbers below this
        self._open: set[int] = set()  # those of them that have not ended
        self._study_id = storage.get_study_id_from_name(name)

    def load(self) -> list[FrozenTrial]:
        """All stored trials by number; scores that no driver of this study stored are removed."""
        with self._explained():
            trials = self._read()
            reported = self._reported_scores()
            if max(reported, default=-1) >= len(trials):
                raise self._deleted()
        self._known = len(trials)
        self._open = {trial.number for trial in trials if not trial.state.is_finished()}
        for trial in trials:
            if attempts_of(trial):
                mine = reported.get(trial.number, {}).items() & trial.intermediate_values.items()
                trial.intermediate_values = dict(sorted(mine))
        return trials

    def _read(self) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=True)
        trials.sort(key=lambda trial: trial.number)
        if [trial.number for trial in trials] != list(range(len(trials))):
            raise self._deleted()
        self._ids = {trial.number: trial._trial_id for trial in trials}
        return trials

    def _reported_scores(self) -> dict[int, dict[int, float]]:
        reported: dict[int, dict[int, float]] = {}
        for row in reports_of(self._engine, study=self._name):
            found = self._objective.score(Report.from_json(dict(row.payload)))
            if math.isfinite(found):
                reported.setdefault(row.trial, {})[row.evaluation] = found
        return reported

    def artifacts(self) -> str | None:
        """Where the study's artifact store is; None if it never had one."""
        with self._explained():
            attributes = self._storage.get_study_system_attrs(self._study_id)
        place = attributes.get(ARTIFACTS_ATTRIBUTE)
        return place if isinstance(place, str) else None

    def store_artifacts(self, place: str) -> None:
        """Store where the study's artifact store is, for later sessions."""
        with self._explained():
            self._storage.set_study_system_attr(self._study_id, ARTIFACTS_ATTRIBUTE, place)

    def store_picture_place(self, place: str) -> None:
        """Store that pictures are kept at a place from now on, besides earlier ones."""
        with self._explained():
            known = places_of(self._storage.get_study_system_attrs(self._study_id))
            if known[:1] != (place,):
                others = [each for each in reversed(known) if each != place]
                self._storage.set_study_system_attr(
                    self._study_id, PLACES_ATTRIBUTE, [*others, place]
                )

    def store_data_notes(self, notes: Sequence[str]) -> None:
        """Store facts about the data set, one line each."""
        with self._explained():
            self._storage.set_study_user_attr(self._study_id, DATA_NOTES_ATTRIBUTE, list(notes))

    def test_scores(self) -> dict[str, Any] | None:
        """The stored scores of the best trial on the test split; None if there are none."""
        with self._explained():
            return test_of(self._storage.get_study_user_attrs(self._study_id))

    def confirmation(self) -> Confirmation:
        """What is stored about the study's confirmation."""
        with self._explained():
            attributes = self._storage.get_study_user_attrs(self._study_id)
        return Confirmation.from_attributes(attributes)

    def apply(self, write: Write, *, possibly_applied: bool) -> None:
        """Store a write.

        Args:
            write: The write.
            possibly_applied: Whether an earlier try may already have stored it.

        Raises:
            DatabaseUnreachable: If PostgreSQL is unreachable; the write may or may not be stored.
            LeaseLost: If another driver has taken over the study; nothing was stored.
            NumberTaken: If somebody else added a trial under the same number.
            TrialOver: If somebody else ended the trial.
            StudyError: If somebody deleted the study or some of its trials.
        """
        with self._explained():
            if possibly_applied:
                self._read()
            match write:
                case AddTrial():
                    self._add(write)
                case StartQueued():
                    self._start_queued(write)
                case NewAttempt():
                    self._attempt(write)
                case StoreReport():
                    self._report(write)
                case EndTrial():
                    self._end(write)
                case StoreTest():
                    self._test(write)
                case StoreAttribute(key=key, value=value):
                    self._storage.set_study_user_attr(self._study_id, key, value)
                case StoreNote():
                    self._store_note(write)
                case StorePlot(text=text):
                    self._store_plot(text)

    def apply_batch(self, writes: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        """Store several writes in one transaction, as if each had been applied in turn.

        Returns:
            Whether they are stored. If not, none of them is: somebody else wrote to the study,
            and applying the writes in turn shows which of them that affects.

        Raises:
            DatabaseUnreachable: If PostgreSQL cannot be reached; all or none may be stored.
            LeaseLost: If another driver has taken the study over; nothing was stored.
            StudyError: If somebody deleted the study, or trials of it.
        """
        with self._explained():
            if not (possibly_applied and self._is_applied(writes)):
                added = self._write_batch(writes)
                if added is None:
                    return False
                self._ids |= added
        for write in writes:
            self._note(write)
        return True

    def _write_batch(self, writes: Sequence[Batchable]) -> dict[int, int] | None:
        batch = make_batch(writes, study=self._name, ids=self._ids)
        first = batch.added[0].number if batch.added else 0
        return self._storage.write(
            self._study_id,
            batch,
            self._distributions,
            last=self._ids[first - 1] if first else None,
        )

    def _is_applied(self, writes: Sequence[Batchable]) -> bool:
        """Whether a transaction that was not acknowledged was committed.

        Its first end shows that, or else its first new trial. A batch of reports alone may be
        stored again, which changes nothing.
        """
        changed = {each.trial for each in writes if not isinstance(each, AddTrial)}
        self._storage.settle(self._study_id, [self._ids[number] for number in changed])
        added = [write for write in writes if isinstance(write, AddTrial)]
        if added:
            self._read()
        for write in writes:
            if isinstance(write, EndTrial):
                return self._is_ended(write)
        return any(write.trial in self._ids and self._is_mine(write) for write in added[:1])

    def _note(self, write: Batchable) -> None:
        """Note that a write is stored."""
        match write:
            case AddTrial(trial=number):
                self._known = max(self._known, number + 1)
                self._open.add(number)
            case EndTrial(trial=number):
                self._open.discard(number)

    def read_changes(self) -> StudyChanges:
        """Read what somebody asked the search to do, and what others wrote to the study.

        Raises:
            DatabaseUnreachable: If PostgreSQL is unreachable.
            StudyError: If somebody deleted the study or some of its trials.
        """
        with self._explained():
            record = get_study(self._engine, self._name)
            ids = {self._ids[number]: number for number in self._open}
            rows = self._storage.read_trial_rows(self._study_id, first=self._known, also=list(ids))
            if rows is None or not ids.keys() <= {row.trial_id for row in rows}:
                raise self._deleted()
            new = [row for row in rows if row.number >= self._known]
            if [row.number for row in new] != list(range(self._known, self._known + len(new))):
                raise self._deleted()
            over = [row for row in rows if row.trial_id in ids and row.state.is_finished()]
            added = tuple(self._storage.get_trial(row.trial_id) for row in new)
            ended = tuple(self._storage.get_trial(row.trial_id) for row in over)
        self._ids |= {row.number: row.trial_id for row in new}
        self._known += len(new)
        self._open |= {row.number for row in new if not row.state.is_finished()}
        self._open -= {row.number for row in over}
        return StudyChanges(
            stop_requested=record.stop_requested, target=record.trials, added=added, ended=ended
        )

    def revive(self) -> None:
        """Restart an embedded server if it has died; does nothing for any other server."""
        self._revive()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Translate errors that are due to an outage, or to what others did to the study."""
        try:
            with translated():
                yield
        except UpdateFinishedTrialError as error:
            self._check_lease()  # raises LeaseLost if another driver ended the trial
            raise TrialOver(f"somebody else ended the trial: {error}") from error
        except KeyError as error:  # Optuna raises this for a missing row
            ids = {self._ids[number] for number in self._open}
            rows = self._storage.read_trial_rows(self._study_id, first=self._known, also=list(ids))
            if rows is None or not ids <= {row.trial_id for row in rows}:
                raise self._deleted() from error
            raise

    def _deleted(self) -> StudyError:
        return StudyError(
            f"study {self._name!r} or some of its trials were deleted from the database: the rest"
            " cannot be continued; give --study another name"
        )

    def _add(self, write: AddTrial) -> None:
        if write.trial in self._ids:  # possibly already applied, or somebody else's
            if not self._is_mine(write):
                raise NumberTaken(f"somebody else added trial {write.trial}")
        else:
            template = trial_template(
                write.parameters, self._distributions, write.epoch, write.canonical
            )
            trial_id = self._storage.create_numbered_trial(self._study_id, template, write.trial)
            if trial_id is None:
                if not self._storage.read_trial_rows(self._study_id, first=write.trial, also=()):
                    raise self._deleted()  # Optuna assigned a lower number: trials are missing
                raise NumberTaken(f"somebody else added trial {write.trial}")
            self._ids[write.trial] = trial_id
        self._note(write)

    def _is_mine(self, write: AddTrial) -> bool:
        stored = self._storage.get_trial(self._ids[write.trial])
        begun = attempts_of(stored)[:1] == [(1, write.epoch, "new")]
        return begun and write.parameters.items() <= stored.params.items()

    def _start_queued(self, write: StartQueued) -> None:
        taken = self._storage.start_queued(
            self._ids[write.trial],
            write.parameters,
            self._distributions,
            user_attrs={
                QUEUED_ATTRIBUTE: write.queued,
                CANONICAL_ATTRIBUTE: dict(write.canonical),
            },
            system_attrs=first_attempt(write.epoch, "queued"),
        )
        if not taken:
            self._storage.set_trial_state_values(self._ids[write.trial], TrialState.FAIL)
            raise TrialOver(f"somebody else gave trial {write.trial} other parameters")

    def _attempt(self, write: NewAttempt) -> None:
        trial_id = self._ids[write.trial]
        trial = self._storage.get_trial(trial_id)
        if write.parameters is not None:
            self._complete(trial, write.parameters)
        attempts = attempts_of(trial)
        if not attempts or attempts[-1][0] < write.attempt:
            attempts.append((write.attempt, write.epoch, write.why))
            plain: list[Any] = [list(attempt) for attempt in attempts]
            self._storage.set_trial_system_attr(trial_id, ATTEMPTS_ATTRIBUTE, plain)

    def _complete(self, trial: FrozenTrial, parameters: Mapping[str, float]) -> None:
        """Add the parameters that a trial lacks because its creation was interrupted."""
        if trial.state is TrialState.WAITING:
            self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        for name, value in parameters.items():
            if name not in trial.params:
                self._storage.set_trial_param(
                    trial._trial_id, name, value, self._distributions[name]
                )

    def _report(self, write: StoreReport) -> None:
        trial_id = self._ids[write.trial]
        evaluation = write.report.evaluation
        store_report(
            self._engine,
            study=self._name,
            trial=write.trial,
            evaluation=evaluation,
            payload=write.report.to_json(),
        )
        if write.stored is not None:
            stored: list[Any] = [checkpoint.to_json() for checkpoint in write.stored]
            self._storage.set_trial_system_attr(trial_id, CHECKPOINTS_ATTRIBUTE, stored)
        if write.score is not None:
            self._storage.set_trial_intermediate_value(trial_id, evaluation, write.score)

    def _end(self, write: EndTrial) -> None:
        try:
            write_end(self._storage, self._ids[write.trial], write.end, self._mark(write))
        except UpdateFinishedTrialError:
            if not self._is_ended(write):
                raise
        self._note(write)

    def _is_ended(self, write: EndTrial) -> bool:
        """Whether the trial has ended, and the stored end is this one."""
        stored = self._storage.get_trial(self._ids[write.trial])
        mine = stored.system_attrs.get(END_ATTRIBUTE) == self._mark(write)
        return mine and ended_by_driver(stored, self._name)

    def _mark(self, write: EndTrial) -> list[Any]:
        return end_mark(self._name, write.trial, write.end.state, write.end.value)

    def _store_note(self, write: StoreNote) -> None:
        # lazily: it imports a web server, and the first note is not urgent
        from optuna_dashboard._note import get_note_from_system_attrs, save_note_with_version

        try:
            attributes = self._storage.get_study_system_attrs(self._study_id)
            note = get_note_from_system_attrs(attributes, None)
            if is_ours(note["body"]) and note["body"] != write.text:
                version = note["version"] + 1
                save_note_with_version(self._storage, self._study_id, None, version, write.text)
        except (SQLAlchemyError, StorageInternalError, KeyError, TypeError, ValueError):
            return  # the note is for people to read: a search does without one

    def _store_plot(self, text: str) -> None:
        """Store a plot as ``optuna_dashboard.save_plotly_graph_object`` does, but at once."""
        # lazily: it imports a web server, and the first plot is not urgent
        from optuna_dashboard._custom_plot_data import SYSTEM_ATTR_PLOT_DATA, split_plot_data

        prefix = f"{SYSTEM_ATTR_PLOT_DATA}{PLOT}:"
        parts = split_plot_data(text, prefix)
        with contextlib.suppress(SQLAlchemyError, StorageInternalError, KeyError):
            self._storage.replace_study_system_attrs(self._study_id, prefix, parts)

    def _test(self, write: StoreTest) -> None:
        self._storage.set_study_user_attr(self._study_id, TEST_ATTRIBUTE, write.result)
        mark_finished(self._engine, self._name, trials=write.finished)
