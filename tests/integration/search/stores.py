"""Every store of the write queue behind one interface, for the contract tests.

A new store is one function here and one line in ``OPENERS``.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import pytest
from optuna.trial import TrialState

from search.driver.parts import Parts
from search.driver.study_store import StudyStore
from search.driver.write_queue import Store
from search.driver.writes import AddTrial, StartQueued
from search.records.attempts import attempts_of
from search.reporting.reading import read_study
from storage.database import Database
from storage.lease import Lease
from storage.reports import reports_of
from storage.studies import request_stop
from tests.chaos.noting_study_store import NotingStudyStore
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.store import MemoryStore
from tests.fakes.stored_trials import others_study, stored_trials

__all__ = ["OPENERS", "OpenStore", "StoredTrial"]


@dataclass(frozen=True, kw_only=True)
class StoredTrial:
    """A trial in a store."""

    params: Mapping[str, float]
    #: Numbers of its attempts, in order.
    attempts: tuple[int, ...]
    #: Evaluations whose reports are stored, and the finite scores of these.
    reports: tuple[int, ...]
    scores: Mapping[int, float]
    state: TrialState = TrialState.RUNNING
    value: float | None = None


class OpenStore(Protocol):
    """A store, its content, and changes that other users make to its study."""

    store: Store

    def trials(self) -> dict[int, StoredTrial]:
        """All trials that are not waiting, by number."""

    def test(self) -> Mapping[str, Any] | None:
        """The scores on the test split; None if there are none."""

    def ask_to_stop(self) -> None:
        """Another user asks the search to stop."""

    def queue(self) -> int:
        """Another user queues a trial; returns its number."""

    def end(self, number: int) -> None:
        """Another user ends a running trial as failed."""


class _InMemory:
    """The store that tests of the driver use."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.store: Store = self._store

    def trials(self) -> dict[int, StoredTrial]:
        return {number: self._trial(number) for number in self._store.begun()}

    def _trial(self, number: int) -> StoredTrial:
        (begun,) = [entry for entry in self._store.entries if _begins(entry, number)]
        reports = [entry for entry in self._store.reports() if entry.trial == number]
        ends = [entry.end for entry in self._store.ended() if entry.trial == number]
        again = [entry.attempt for entry in self._store.attempts() if entry.trial == number]
        state = TrialState.FAIL if number in self._store.ended_by_others else TrialState.RUNNING
        return StoredTrial(
            params=begun.parameters,
            attempts=(1, *again),
            reports=tuple(entry.report.evaluation for entry in reports),
            scores={
                entry.report.evaluation: entry.score
                for entry in reports
                if entry.score is not None
            },
            state=ends[0].state if ends else state,
            value=ends[0].value if ends else None,
        )

    def test(self) -> Mapping[str, Any] | None:
        return self._store.tests[-1] if self._store.tests else None

    def ask_to_stop(self) -> None:
        self._store.asked_to_stop = True

    def queue(self) -> int:
        return self._store.queue_by_others()

    def end(self, number: int) -> None:
        self._store.end_by_others(number)


def _begins(entry: object, number: int) -> TypeGuard[AddTrial | StartQueued]:
    return isinstance(entry, AddTrial | StartQueued) and entry.trial == number


class _InPostgres:
    """The driver's study store, on its own database."""

    def __init__(self, store: Store, database: Database) -> None:
        self.store, self._database = store, database

    def trials(self) -> dict[int, StoredTrial]:
        reports = reports_of(self._database.engine, study=STUDY)
        return {
            trial.number: StoredTrial(
                params=trial.params,
                attempts=tuple(attempt for attempt, *_ in attempts_of(trial)),
                reports=tuple(each.evaluation for each in reports if each.trial == trial.number),
                scores=trial.intermediate_values,
                state=trial.state,
                value=trial.value,
            )
            for trial in stored_trials(self._database, STUDY)
            if trial.state is not TrialState.WAITING
        }

    def test(self) -> Mapping[str, Any] | None:
        return read_study(self._database, STUDY).test

    def ask_to_stop(self) -> None:
        request_stop(self._database.engine, STUDY)

    def queue(self) -> int:
        with others_study(self._database, STUDY) as study:
            study.enqueue_trial({})
            return study.trials[-1].number

    def end(self, number: int) -> None:
        with others_study(self._database, STUDY) as study:
            study.tell(number, state=TrialState.FAIL)


Opener = Callable[[pytest.FixtureRequest], AbstractContextManager[OpenStore]]


@contextlib.contextmanager
def _open_memory(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    yield _InMemory()


@contextlib.contextmanager
def _open_postgres(request: pytest.FixtureRequest, *, noting: bool = False) -> Iterator[OpenStore]:
    database: Database = request.getfixturevalue("database")
    folder: Path = request.getfixturevalue("tmp_path")
    store = functools.partial(NotingStudyStore, folder=folder) if noting else StudyStore
    claim(database, 2, 1)
    with (
        Lease.acquire(database, STUDY) as lease,
        contextlib.closing(
            session_of(database, lease, folder, parts=Parts(study_store=store))
        ) as session,
    ):
        yield _InPostgres(session._study_store, database)


OPENERS: dict[str, Opener] = {
    "in memory": _open_memory,
    "PostgreSQL": _open_postgres,
    "PostgreSQL, noting": functools.partial(_open_postgres, noting=True),
}
