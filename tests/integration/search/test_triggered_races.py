"""Races of the invariants, each brought about at a named point instead of being waited for."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from search.driver import write_queue
from search.driver.driver import Ending
from search.driver.writes import AddTrial, EndTrial, NewAttempt, StoreReport, StoreTest
from search.records.messages import Begin
from search.reporting.reading import read_study
from storage.database import Database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.lease import Lease
from storage.reports import reports_of
from storage.triggers import Triggers
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.stored_trials import stored_trials

TRIALS = 8
WAIT_SECONDS = 60.0  # for events that the test itself causes


class Killed(BaseException):
    """The driver ends here: nothing after this point is done."""


def drive(database: Database, folder: Path, triggers: Triggers | None = None) -> Ending:
    """Create or continue the study and drive it in this process."""
    claim(database, TRIALS, 1)
    with (
        Lease.acquire(database, STUDY, triggers=triggers or Triggers()) as lease,
        contextlib.closing(session_of(database, lease, folder)) as session,
    ):
        ending = session.drive(InlinePool(), SilentProgress())
    assert (ending is Ending.FINISHED) is (read_study(database, STUDY).state == "finished")
    return ending


def stored_results(database: Database) -> list[Any]:
    """Everything of the study that must not depend on when its driver was disturbed."""
    trials = [
        (trial.number, trial.state, trial.value, trial.params, trial.intermediate_values)
        for trial in stored_trials(database, STUDY)
    ]
    reports = [
        (report.trial, report.evaluation, dict(report.payload))
        for report in reports_of(database.engine, study=STUDY)
    ]
    view = read_study(database, STUDY)
    return [trials, reports, view.test]


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, embedded_root: Path, _template: Database
) -> list[Any]:
    from storage.address import parse_address
    from storage.database import open_database
    from tests.integration.conftest import TEMPLATE, _fresh

    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        with open_database(parse_address(address)) as database:
            assert drive(database, tmp_path_factory.mktemp("undisturbed")) is Ending.FINISHED
            found = stored_results(database)
    return found


class Once:
    """Acts the first time that the trigger gets a subject of a kind, after ``skip`` others."""

    def __init__(self, kind: type, act: Callable[[], None], *, skip: int = 0) -> None:
        self._kind, self._act, self._left = kind, act, skip
        self.done = False

    def __call__(self, subject: object) -> None:
        if self.done or not isinstance(subject, self._kind):
            return
        self._left -= 1
        if self._left < 0:
            self.done = True
            self._act()


class Lost:
    """Loses the acknowledgement of every write of a kind, the first time it is stored."""

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self.writes: list[object] = []

    def __call__(self, entry: object) -> None:
        if isinstance(entry, self._kind) and entry not in self.writes:
            self.writes.append(entry)
            raise DatabaseUnreachable("the connection broke after the commit")


def kill() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("kind", "skip"),
    [(AddTrial, 0), (AddTrial, 5), (StoreReport, 11), (EndTrial, 5), (StoreTest, 0)],
)
@pytest.mark.parametrize("point", ["writing", "stored"])
def test_killed_between_a_write_and_its_acknowledgement(
    kind: type,
    skip: int,
    point: str,
    database: Database,
    tmp_path: Path,
    undisturbed: list[Any],
) -> None:
    """Killed once a trial is created, say, and before the driver can give it to a worker."""
    fault = Once(kind, kill, skip=skip)
    with pytest.raises(Killed):
        drive(database, tmp_path, Triggers(**{point: fault}))
    assert fault.done
    assert drive(database, tmp_path) is Ending.FINISHED
    assert stored_results(database) == undisturbed


@pytest.mark.parametrize("point", ["ordering", "answered"])
def test_killed_between_a_worker_and_the_driver(
    point: str, database: Database, tmp_path: Path, undisturbed: list[Any]
) -> None:
    fault = Once(object, kill, skip=17)
    with pytest.raises(Killed):
        drive(database, tmp_path, Triggers(**{point: fault}))
    assert drive(database, tmp_path) is Ending.FINISHED
    assert stored_results(database) == undisturbed


@pytest.mark.parametrize("kind", [AddTrial, StoreReport, EndTrial, StoreTest])
def test_a_write_whose_acknowledgement_is_lost_is_stored_once(
    kind: type,
    database: Database,
    tmp_path: Path,
    undisturbed: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every write of a kind is tried again after it was stored."""
    monkeypatch.setattr(write_queue, "RETRY_SECONDS", (0.0,))
    lost = Lost(kind)
    assert drive(database, tmp_path, Triggers(stored=lost)) is Ending.FINISHED
    assert lost.writes and stored_results(database) == undisturbed


def test_an_attempt_whose_acknowledgement_is_lost_is_stored_once(
    database: Database, tmp_path: Path, undisturbed: list[Any]
) -> None:
    with pytest.raises(Killed):
        drive(database, tmp_path, Triggers(ordering=Once(Begin, kill, skip=4)))
    lost = Lost(NewAttempt)
    assert drive(database, tmp_path, Triggers(stored=lost)) is Ending.FINISHED
    assert lost.writes and stored_results(database) == undisturbed


class Taker:
    """Takes the study over from a driver that is paused, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = threading.Thread(target=self._take, daemon=True)
        self.seen: list[Any] | None = None

    def begin(self) -> None:
        """Take the lease from a holder that has been silent for too long."""
        self._thread.start()

    def wait_until_it_waits(self) -> None:
        """Return once PostgreSQL makes it wait for a row that the paused driver has locked."""
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = threading.Event()
        for _ in range(int(WAIT_SECONDS / 0.02)):
            with self._database.engine.connect() as connection:
                if connection.execute(waiting).scalar_one():
                    return
            deadline.wait(0.02)
        raise AssertionError("no session waits for the paused driver's row")

    def join(self) -> None:
        """Wait until it has taken the study over and read it."""
        self._thread.join(WAIT_SECONDS)
        assert self.seen is not None, "the study was not taken over"

    def _take(self) -> None:
        with Lease.acquire(self._database, STUDY, time_to_live=0.0):
            self.seen = stored_results(self._database)


def test_taken_over_between_the_fence_and_the_commit(database: Database, tmp_path: Path) -> None:
    """The takeover waits for that commit; the driver writes nothing after it."""
    taker, ending = Taker(database), threading.Event()

    def take_over() -> None:
        taker.begin()
        taker.wait_until_it_waits()

    pausing = Once(str, take_over)

    def pause(study: object) -> None:
        if ending.is_set():
            pausing(study)

    triggers = Triggers(writing=Once(EndTrial, ending.set, skip=4), fenced=pause)
    with pytest.raises(LeaseLost):
        drive(database, tmp_path, triggers)
    taker.join()
    assert pausing.done and stored_results(database) == taker.seen


def test_taken_over_before_the_fence(database: Database, tmp_path: Path) -> None:
    """Paused before it writes, the driver finds itself replaced and stores nothing more."""
    taker = Taker(database)

    def pause() -> None:
        taker.begin()
        taker.join()

    pausing = Once(EndTrial, pause, skip=4)
    with pytest.raises(LeaseLost):
        drive(database, tmp_path, Triggers(writing=pausing))
    assert pausing.done and stored_results(database) == taker.seen
