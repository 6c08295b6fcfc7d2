"""The lease: the right to drive a study, held by one process at a time.

One row per study says who holds the lease, under an epoch that grows with every holder. The holder
renews it every few seconds, by the server's clock. It is free when it was not renewed for longer
than its time to live, when it was released, or when its holder ended on this machine. The fence
(:mod:`storage.fence`) checks the epoch in each transaction that writes.

A holder that was cut off or frozen continues if it still finds its own epoch afterwards.
"""

import contextlib
import threading
import time
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Update, func, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost
from storage.lease_record import LeaseRecord, read_lease
from storage.models import LeaseHistoryRow, LeaseRow
from storage.process_identity import ProcessIdentity
from storage.triggers import NO_TRIGGERS, Triggers

__all__ = ["RENEW_SECONDS", "TIME_TO_LIVE", "Lease", "lock_free", "lost_message"]

TIME_TO_LIVE = 30.0  # seconds without renewal after which a lease is free
RENEW_SECONDS = 5.0  # seconds between two renewals
#: Longest wait for the row while taking it: a frozen holder may have it locked until the server
#: ends that holder's idle transaction (10 s).
TAKE_LOCK_TIMEOUT = "20s"
POLL_SECONDS = 0.5
STOP_SECONDS = 30.0  # longest wait for a running renewal when the lease is released

SERVER_NOW = func.clock_timestamp()


class Lease:
    """The right of this process to drive one study; :meth:`release` ends it."""

    def __init__(
        self,
        *,
        engine: Engine,
        study: str,
        epoch: int,
        renew_seconds: float,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        self.study = study
        #: Points at which a test interferes with the driver that holds this lease.
        self.triggers = triggers
        #: Grows with every holder; stored with what this holder writes.
        self.epoch = epoch
        self._engine = engine
        self._renew_seconds = renew_seconds
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._renewer = threading.Thread(
            target=self._renew_until_stopped, name=f"lease of {study}", daemon=True
        )

    @classmethod
    def acquire(
        cls,
        database: Database,
        study: str,
        *,
        wait: float = 0.0,
        time_to_live: float = TIME_TO_LIVE,
        renew_seconds: float = RENEW_SECONDS,
        triggers: Triggers = NO_TRIGGERS,
    ) -> "Lease":
        """Take the lease of a study, and renew it from its own thread.

        Args:
            database: The study's database. The lease uses its own connection.
            study: Name of the study, which need not exist yet.
            wait: Seconds to wait for a lease that another process holds.
            time_to_live: Seconds without renewal after which another process's lease expires.
            renew_seconds: Seconds between two renewals.
            triggers: Points at which a test interferes.

        Raises:
            LeaseHeld: If another process holds it.
            DatabaseUnreachable: If the connection to the database breaks.
        """
        engine = database.make_engine(name="lease")
        try:
            epoch = _take_within(engine, study, wait=wait, time_to_live=time_to_live)
        except BaseException:
            engine.dispose()
            raise
        lease = cls(
            engine=engine,
            study=study,
            epoch=epoch,
            renew_seconds=renew_seconds,
            triggers=triggers,
        )
        lease._renewer.start()
        return lease

    @property
    def lost(self) -> bool:
        """Whether another process is known to have taken the lease."""
        return self._lost.is_set()

    def mark_lost(self) -> None:
        """Record that another process has the lease; the fence calls this when it finds out."""
        self._lost.set()

    def check(self) -> None:
        """Check in the database that this process still holds the lease.

        Raises:
            LeaseLost: If it does not; the message says who does.
            DatabaseUnreachable: If the database is unreachable.
        """
        with self._engine.connect() as connection:
            record = read_lease(connection, self.study)
        if record is None or record.epoch != self.epoch or record.released_at is not None:
            self.mark_lost()
            raise LeaseLost(lost_message(self.study, self.epoch, record))

    def release(self) -> None:
        """Release the lease, which is then free. Safe to call twice, and during an outage.

        If the database is unreachable, the lease expires: for processes on this machine when this
        process ends, and for all others after its time to live.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._renewer.join(timeout=STOP_SECONDS)
        if not self._renewer.is_alive():
            with contextlib.suppress(DatabaseUnreachable), self._engine.begin() as connection:
                given: CursorResult[Any] = connection.execute(
                    self._own_row().values(released_at=SERVER_NOW)
                )
                if given.rowcount:  # a lease that was taken over has no end in the history
                    connection.execute(self._own_history().values(released_at=SERVER_NOW))
        self._engine.dispose()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _renew_until_stopped(self) -> None:
        while not self._stopping.wait(self._renew_seconds):
            with contextlib.suppress(
                DatabaseUnreachable, SQLAlchemyError
            ):  # tried again next time
                if not self._renew():
                    self.mark_lost()
                    return

    def _renew(self) -> bool:
        self.triggers.renewing(self.study)
        with self._engine.begin() as connection:
            renewal = self._own_row().values(renewed_at=SERVER_NOW)
            outcome: CursorResult[Any] = connection.execute(renewal)
            return outcome.rowcount == 1

    def _own_row(self) -> Update:
        return update(LeaseRow).where(
            LeaseRow.study == self.study,
            LeaseRow.epoch == self.epoch,
            LeaseRow.released_at.is_(None),
        )

    def _own_history(self) -> Update:
        return update(LeaseHistoryRow).where(
            LeaseHistoryRow.study == self.study,
            LeaseHistoryRow.epoch == self.epoch,
            LeaseHistoryRow.released_at.is_(None),
        )


def lock_free(connection: Connection, study: str) -> None:
    """Make sure that no process drives a study until the connection's transaction ends.

    Raises:
        LeaseHeld: If one does.
    """
    _lock_row(connection, study)
    _refuse_held(read_lease(connection, study), TIME_TO_LIVE)


def lost_message(study: str, epoch: int, record: LeaseRecord | None) -> str:
    """A line that says that the lease is lost, and to whom."""
    if record is None:
        return f"the lease of study {study!r} (epoch {epoch}) was deleted from the database"
    if record.released_at is not None:
        return f"the lease of study {study!r} (epoch {epoch}) was released: take it again"
    return (
        f"study {study!r} was taken over from this process (epoch {epoch}) and is"
        f" {record.describe()} (epoch {record.epoch}): this process writes nothing more"
    )


def _take_within(engine: Engine, study: str, *, wait: float, time_to_live: float) -> int:
    deadline = time.monotonic() + wait
    while True:
        try:
            with engine.begin() as connection:
                return _take(connection, study, time_to_live=time_to_live)
        except LeaseHeld:
            if time.monotonic() >= deadline:
                raise
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _take(connection: Connection, study: str, *, time_to_live: float) -> int:
    """Take the row if it is free, within the connection's transaction; returns the epoch."""
    _refuse_held(read_lease(connection, study), time_to_live)  # refuses without waiting for a lock
    _lock_row(connection, study)
    record = read_lease(connection, study)
    _refuse_held(record, time_to_live)
    epoch = 1 if record is None else record.epoch + 1
    holder = ProcessIdentity.of_this_process()
    now = connection.execute(select(SERVER_NOW)).scalar_one()
    connection.execute(
        update(LeaseRow)
        .where(LeaseRow.study == study)
        .values(epoch=epoch, **vars(holder), acquired_at=now, renewed_at=now, released_at=None)
    )
    connection.execute(
        insert(LeaseHistoryRow).values(
            study=study, epoch=epoch, host=holder.host, pid=holder.pid, acquired_at=now
        )
    )
    return epoch


def _lock_row(connection: Connection, study: str) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{TAKE_LOCK_TIMEOUT}'"))
    nobody = ProcessIdentity(host="", boot_id="", namespace=0, pid=0, started=0)
    times = {name: SERVER_NOW for name in ("acquired_at", "renewed_at", "released_at")}
    connection.execute(
        postgresql.insert(LeaseRow)
        .values(study=study, epoch=0, **vars(nobody), **times)
        .on_conflict_do_nothing()
    )
    connection.execute(select(LeaseRow.epoch).where(LeaseRow.study == study).with_for_update())


def _refuse_held(record: LeaseRecord | None, time_to_live: float) -> None:
    if record is not None and not record.is_free(time_to_live=time_to_live):
        raise LeaseHeld(
            f"study {record.study!r} is {record.describe()}: stop that driver first; if it has"
            f" died, its lease expires {time_to_live:.0f} s after the last renewal"
        )
