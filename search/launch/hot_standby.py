"""Hot standby: wait while another process drives a study, and take over when it is gone."""

import time
from collections.abc import Callable

from search.driver.parts import LeaseTimes
from search.launch.stopped import refuse_if_stopped
from storage.database import Database
from storage.errors import DatabaseUnreachable, LeaseHeld
from storage.lease import Lease
from storage.lease_record import LeaseRecord, read_lease
from storage.studies import get_study

__all__ = ["wait_for_lease"]

POLL_SECONDS = 1.0  # between two checks of the lease
REPEAT_SECONDS = 60.0  # between two lines that name the same driver


def wait_for_lease(
    database: Database,
    study: str,
    *,
    patience: float,
    say: Callable[[str], None],
    times: LeaseTimes,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Lease | None:
    """Take the lease as soon as it is free; None if the study was finished meanwhile.

    Args:
        database: The database that stores the study.
        study: Name of the study.
        patience: Seconds to wait for an unreachable PostgreSQL.
        say: Prints which process drives the study, whenever that changes and once a minute.
        times: When a lease expires, and how often to renew it.
        sleep: Sleeps for some seconds.
        clock: Monotonic time in seconds.

    Raises:
        Interrupted: If the study was stopped (``search stop``) while another process drove it.
        DatabaseUnreachable: If PostgreSQL could not be reached for longer than ``patience``.
    """
    shown_epoch, due = 0, 0.0
    answered = clock()
    while True:
        try:
            holder = _holder(database, study, times.time_to_live)
            answered = clock()
            if shown_epoch and _is_over(database, study):
                return None
            if holder is None:
                return times.acquire(database, study)
            if holder.epoch != shown_epoch or clock() >= due:
                say(f"waiting as standby: study {study} is {holder.describe()}")
                shown_epoch, due = holder.epoch, clock() + REPEAT_SECONDS
        except LeaseHeld:
            continue  # another standby was faster
        except DatabaseUnreachable:
            if clock() - answered > patience:
                raise
        sleep(POLL_SECONDS)


def _holder(database: Database, study: str, time_to_live: float) -> LeaseRecord | None:
    with database.engine.connect() as connection:
        lease = read_lease(connection, study)
    return None if lease is None or lease.is_free(time_to_live=time_to_live) else lease


def _is_over(database: Database, study: str) -> bool:
    """Whether the process that drove the study has finished it."""
    record = get_study(database.engine, study)
    refuse_if_stopped(record, "this process waited to take over")
    return record.finished_at is not None
