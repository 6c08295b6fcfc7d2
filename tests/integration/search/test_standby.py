"""A standby names the driver of a study, and takes over when it is gone."""

from collections.abc import Callable
from typing import Any

import pytest

from search.driver.parts import LeaseTimes
from search.errors import Interrupted
from search.launch import hot_standby as standby
from search.launch.hot_standby import REPEAT_SECONDS, wait_for_lease
from search.launch.stored_study import find_to_resume
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.lease import Lease
from storage.studies import create_study, mark_finished, request_stop
from tests.fakes.search_process import STUDY, new_study


@pytest.fixture
def held(database: Database) -> Lease:
    create_study(database.engine, STUDY, new_study(4))
    return Lease.acquire(database, STUDY)


class Waiting:
    """Waits as a standby; after this many waits something happens. Time passes only by waiting."""

    def __init__(self, database: Database, happens: Callable[[], None], *, waits: int = 3) -> None:
        self._database, self._happens, self._left = database, happens, waits
        self.said: list[str] = []
        self.now = 0.0

    def run(self, *, time_to_live: float = 30.0) -> Lease | None:
        return wait_for_lease(
            self._database, STUDY, patience=100.0, say=self.said.append,
            times=LeaseTimes(time_to_live=time_to_live), sleep=self._sleep, clock=lambda: self.now,
        )  # fmt: skip

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self._left -= 1
        if self._left == 0:
            self._happens()
        assert self._left > -1000, "it stands by for ever"


def test_a_study_that_is_given_back_is_taken(database: Database, held: Lease) -> None:
    waiting = Waiting(database, held.release)
    taken = waiting.run()
    assert taken is not None and taken.epoch == held.epoch + 1
    taken.release()
    assert len(waiting.said) == 1
    assert waiting.said[0].startswith(f"waiting as standby: study {STUDY} is driven by pid ")


def test_the_holder_is_named_again_at_intervals(database: Database, held: Lease) -> None:
    waiting = Waiting(database, held.release, waits=int(2.5 * REPEAT_SECONDS))
    taken = waiting.run()
    assert taken is not None
    taken.release()
    assert len(waiting.said) == 3


def test_a_driver_that_is_silent_for_too_long_is_taken_over_from(
    database: Database,
) -> None:
    create_study(database.engine, STUDY, new_study(4))
    silent = Lease.acquire(database, STUDY, renew_seconds=1000.0)
    taken = Waiting(database, lambda: None).run(time_to_live=0.05)
    assert taken is not None and taken.epoch == silent.epoch + 1
    taken.release()
    silent.release()


def test_a_study_that_is_finished_meanwhile_is_left(database: Database, held: Lease) -> None:
    def finish() -> None:
        mark_finished(database.engine, STUDY)
        held.release()

    assert Waiting(database, finish).run() is None


def test_a_study_that_is_stopped_meanwhile_stays_stopped(database: Database, held: Lease) -> None:
    def stop() -> None:
        request_stop(database.engine, STUDY)
        held.release()

    with pytest.raises(Interrupted, match=f"search resume {STUDY}"):
        Waiting(database, stop).run()


def test_a_request_that_is_older_than_the_waiting_does_not_count(database: Database) -> None:
    create_study(database.engine, STUDY, new_study(4))
    request_stop(database.engine, STUDY)
    taken = Waiting(database, lambda: None).run()
    assert taken is not None
    taken.release()


def test_an_outage_is_waited_out_while_standing_by(
    database: Database, held: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = standby._holder, 0

    def away(*arguments: Any) -> object:
        nonlocal looks
        looks += 1
        if 2 <= looks <= 50:
            raise DatabaseUnreachable("the database is unreachable: on order")
        return real(*arguments)

    monkeypatch.setattr(standby, "_holder", away)
    waiting = Waiting(database, held.release, waits=60)
    taken = waiting.run()
    assert taken is not None
    taken.release()


def test_an_outage_beyond_patience_ends_the_standing_by(
    database: Database, held: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: Any) -> object:
        raise DatabaseUnreachable("the database is unreachable: for good")

    monkeypatch.setattr(standby, "_holder", away)
    with pytest.raises(DatabaseUnreachable):
        Waiting(database, lambda: None).run()
    held.release()


def test_a_driven_study_is_found_only_by_a_standby(database: Database, held: Lease) -> None:
    assert find_to_resume(database, None, standby=True).name == STUDY
    held.release()
