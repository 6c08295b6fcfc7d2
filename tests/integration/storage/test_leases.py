"""Leases: one driver per study, in spite of kills and pauses."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost
from storage.fence import fence
from storage.lease import Lease
from storage.lease_record import LeaseRecord, lease_history, read_lease, read_leases
from tests.fakes.waiting import wait_until
from tests.integration.storage.conftest import Child
from tests.integration.storage.storage_programs import FREEZE_BEFORE_COMMIT, HOLD_LEASE

FROZEN_SERVER_WAIT = 45.0  # seconds from the freeze within which a takeover must be done


def record(database: Database, study: str = "s") -> LeaseRecord:
    with database.engine.connect() as connection:
        found = read_lease(connection, study)
    assert found is not None
    return found


def test_a_second_lease_is_refused_and_names_the_holder(database: Database) -> None:
    with Lease.acquire(database, "s") as lease:
        assert lease.epoch == 1
        with pytest.raises(LeaseHeld, match=r"driven by pid \d+ on .* since .* UTC, renewed 0 s"):
            Lease.acquire(database, "s")
        with Lease.acquire(database, "another") as other:
            assert other.epoch == 1
        lease.check()


def test_a_lease_given_back_is_free_at_once_under_a_new_epoch(database: Database) -> None:
    Lease.acquire(database, "s").release()
    with Lease.acquire(database, "s") as lease:
        assert lease.epoch == 2
        with database.engine.connect() as connection:
            first, second = lease_history(connection, "s")
            assert list(read_leases(connection)) == ["s"]
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.released_at is not None
    assert second.released_at is None


def test_a_lease_that_was_taken_over_is_not_given_back_by_its_old_holder(
    database: Database,
) -> None:
    old = Lease.acquire(database, "s")
    with Lease.acquire(database, "s", time_to_live=0.0):
        old.release()
        with database.engine.connect() as connection:
            history = lease_history(connection, "s")
        assert record(database).released_at is None
    assert [past.released_at for past in history] == [None, None]


def test_one_of_many_concurrent_processes_gets_the_lease(
    database: Database, database_address: str, start_child: Callable[..., Child]
) -> None:
    children = [start_child(HOLD_LEASE, database_address, "30") for _ in range(4)]
    printed = sorted(child.line() for child in children)
    assert printed == ["1", "LeaseHeld", "LeaseHeld", "LeaseHeld"]


def test_the_lease_of_a_process_killed_on_this_machine_is_free_at_once(
    database: Database, database_address: str, start_child: Callable[..., Child]
) -> None:
    child = start_child(HOLD_LEASE, database_address, "30")
    assert child.line() == "1"
    with pytest.raises(LeaseHeld):
        Lease.acquire(database, "s")
    child.send(signal.SIGKILL)
    child.process.wait()
    with Lease.acquire(database, "s") as lease:
        assert lease.epoch == 2


def test_the_lease_of_a_frozen_process_is_free_when_its_time_is_over(
    database: Database, database_address: str, start_child: Callable[..., Child]
) -> None:
    child = start_child(HOLD_LEASE, database_address, "2")
    assert child.line() == "1"
    child.send(signal.SIGSTOP)
    child.wait_frozen()
    with pytest.raises(LeaseHeld):
        Lease.acquire(database, "s", time_to_live=30.0)
    with Lease.acquire(database, "s", time_to_live=2.0, wait=30.0) as lease:
        assert lease.epoch == 2
        child.send(signal.SIGCONT)
        child.send_line()
        assert child.line() == "LeaseLost"
        assert not lease.lost


def test_renewal_keeps_a_lease_beyond_its_time_to_live(database: Database) -> None:
    with Lease.acquire(database, "s", renew_seconds=0.1) as lease:
        acquired_at = record(database).acquired_at
        wait_until(lambda: (record(database).renewed_at - acquired_at).total_seconds() > 1)
        with pytest.raises(LeaseHeld):
            Lease.acquire(database, "s", time_to_live=0.9)
        assert not lease.lost


def test_a_process_frozen_between_fence_and_commit_is_replaced_and_cannot_commit(
    database: Database, database_address: str, start_child: Callable[..., Child]
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE written (line text)"))
    child = start_child(FREEZE_BEFORE_COMMIT, database_address)
    assert child.line() == "1"
    child.wait_frozen()
    frozen_at = time.monotonic()
    # The server holds the lock until it ends the silent transaction, 10 s after the freeze.
    with Lease.acquire(database, "s", time_to_live=11.0, wait=FROZEN_SERVER_WAIT) as lease:
        assert lease.epoch == 2
        assert time.monotonic() - frozen_at < FROZEN_SERVER_WAIT
        child.send(signal.SIGCONT)
        assert child.line() == "DatabaseUnreachable"  # the server closed the connection
        assert child.line() == "LeaseLost"  # and the next try meets the fence
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM written")).scalar_one() == 0


def test_a_lock_held_by_a_frozen_commit_does_not_block_the_takeover_for_ever(
    database: Database, database_address: str, start_child: Callable[..., Child]
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE written (line text)"))
    child = start_child(FREEZE_BEFORE_COMMIT, database_address)
    assert child.line() == "1"
    child.wait_frozen()
    # Time is over at once, so that the takeover meets the lock itself.
    with Lease.acquire(database, "s", time_to_live=0.0) as lease:
        assert lease.epoch == 2


def test_the_fence_stops_writes_and_lets_reads_pass(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE written (line text)"))
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(Lease.acquire(database, "s"))
        fence(database.engine, old)
        with database.engine.begin() as connection:
            connection.execute(text("INSERT INTO written VALUES ('before')"))
        stack.enter_context(Lease.acquire(database, "s", time_to_live=0.0))
        with (
            pytest.raises(LeaseLost, match=r"taken over .* \(epoch 1\) and is driven by pid"),
            database.engine.begin() as connection,
        ):
            connection.execute(text("INSERT INTO written VALUES ('after')"))
        assert old.lost
        with database.engine.begin() as connection:
            lines = connection.execute(text("SELECT line FROM written")).scalars().all()
        assert lines == ["before"]
        with pytest.raises(LeaseLost):
            old.check()


def test_the_fence_stops_writes_after_the_lease_was_given_back(database: Database) -> None:
    lease = Lease.acquire(database, "s")
    fence(database.engine, lease)
    lease.release()
    with (
        pytest.raises(LeaseLost, match="was released"),
        database.engine.begin() as connection,
    ):
        connection.execute(text("CREATE TABLE written (line text)"))


def test_a_takeover_waits_for_a_commit_that_passed_the_fence(
    database: Database, database_address: str
) -> None:
    """The fence and the takeover exclude one another: the write is done before the epoch grows."""
    seen = []
    with (
        Lease.acquire(database, "s") as old,
        open_database(parse_address(database_address)) as two,
    ):
        fence(database.engine, old)

        @event.listens_for(database.engine, "commit")
        def _take_over(connection: Connection) -> None:
            with two.engine.begin() as other:
                other.execute(text("SET LOCAL lock_timeout = '200ms'"))
                with pytest.raises(DatabaseUnreachable, match="lock timeout"):
                    other.execute(text("SELECT epoch FROM umss.lease FOR UPDATE"))
            seen.append(True)

        with database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE written (line text)"))
    assert seen == [True]


def test_a_lease_keeps_its_epoch_when_the_server_comes_back(embedded_folder: Path) -> None:
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        with Lease.acquire(database, "s", renew_seconds=0.1) as lease:
            fence(database.engine, lease)
            before = record(database).renewed_at
            assert database.server is not None
            database.server.programs.run(
                "pg_ctl", ["stop", "-D", "data", "-m", "immediate"], seconds=30
            )
            with pytest.raises(DatabaseUnreachable):
                record(database)
            database.revive()
            wait_until(lambda: record(database).renewed_at > before)
            assert not lease.lost
            lease.check()
            assert record(database).epoch == lease.epoch == 1
            with database.engine.begin() as connection:
                connection.execute(text("CREATE TABLE written (line text)"))


def test_giving_back_during_an_outage_is_quiet(embedded_folder: Path) -> None:
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        lease = Lease.acquire(database, "s")
        assert database.server is not None
        database.server.programs.run(
            "pg_ctl", ["stop", "-D", "data", "-m", "immediate"], seconds=30
        )
        lease.release()
        database.revive()
        assert record(database).released_at is None
