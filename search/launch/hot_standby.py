"""Standing by: waiting for a study that another process drives, to go on when that is gone."""

import time
from collections.abc import Callable

from search.driver.parts import LeaseTimes
from search.errors import Interrupted
from storage.database import Database
from storage.errors import DatabaseUnreachable, LeaseHeld
from storage.lease import Lease
from storage.lease_record import LeaseRecord, read_lease
from storage.studies import get_study
from trainer.console.shell import search_command, shell_text

__all__ = ["stand_by"]

POLL_SECONDS = 1.0  # between two looks at the lease
TOLD_SECONDS = 60.0  # between two lines that say who has it


def stand_by(
    database: Database,
    study: str,
    *,
    patience: float,
    say: Callable[[str], None],
    times: LeaseTimes,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Lease | None:
    """Take the lease as soon as nobody has it; None if the study was finished meanwhile.

    Args:
        database: Where the study is.
        study: Its name.
        patience: Seconds without PostgreSQL before the waiting ends.
        say: Tells who has it, when that changes and now and then.
        times: When another's lease is free, and how one's own is kept.
        sleep: Waits some seconds.
        clock: Monotonic seconds.

    Raises:
        Interrupted: If somebody stopped the study (``search stop``) while another drove it.
        DatabaseUnreachable: If PostgreSQL stayed away longer than the patience.
    """
    told, due = 0, 0.0
    answered = clock()
    while True:
        try:
            holder = _holder(database, study, times.time_to_live)
            answered = clock()
            if told and _is_over(database, study):
                return None
            if holder is None:
                return times.acquire(database, study)
            if holder.epoch != told or clock() >= due:
                say(f"standing by: study {study} is {holder.describe()}")
                told, due = holder.epoch, clock() + TOLD_SECONDS
        except LeaseHeld:
            continue  # another one that stood by was quicker
        except DatabaseUnreachable:
            if clock() - answered > patience:
                raise
        sleep(POLL_SECONDS)


def _holder(database: Database, study: str, time_to_live: float) -> LeaseRecord | None:
    with database.engine.connect() as connection:
        lease = read_lease(connection, study)
    return None if lease is None or lease.is_free(time_to_live=time_to_live) else lease


def _is_over(database: Database, study: str) -> bool:
    """Whether the study was finished by the one that drove it."""
    record = get_study(database.engine, study)
    if record.stop_requested:
        raise Interrupted(
            f"study {study} was stopped while this process stood by:"
            f" `{shell_text(search_command('resume', study=study))}` goes on"
        )
    return record.finished_at is not None
