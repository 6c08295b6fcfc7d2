"""Records of the lease tables: who drives a study, and who drove it before."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from storage.models import LeaseHistoryRow, LeaseRow
from storage.process_identity import ProcessIdentity

__all__ = ["LeaseRecord", "PastLease", "lease_history", "read_lease", "read_leases"]


@dataclass(frozen=True, kw_only=True)
class LeaseRecord:
    """One row of the table of leases, and the server's time when it was read."""

    #: Name of the study.
    study: str
    #: Grows by one with every holder.
    epoch: int
    #: The process that holds it, or held it last.
    holder: ProcessIdentity
    #: When the holder took it, by the server's clock.
    acquired_at: datetime.datetime
    #: When the holder last renewed it, by the server's clock.
    renewed_at: datetime.datetime
    #: When the holder released it; None if it did not.
    released_at: datetime.datetime | None
    #: Server's clock when this was read.
    read_at: datetime.datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> "LeaseRecord":
        """From a row of the table with the column ``read_at``."""
        return cls(
            study=row.study,
            epoch=row.epoch,
            holder=ProcessIdentity(
                host=row.host,
                boot_id=row.boot_id,
                namespace=row.namespace,
                pid=row.pid,
                started=row.started,
            ),
            acquired_at=row.acquired_at,
            renewed_at=row.renewed_at,
            released_at=row.released_at,
            read_at=row.read_at,
        )

    @property
    def silence(self) -> float:
        """Seconds since the last renewal, by the server's clock."""
        return max(0.0, (self.read_at - self.renewed_at).total_seconds())

    def is_free(self, *, time_to_live: float) -> bool:
        """Whether another process may take it.

        It may if the lease was released, if it was not renewed for ``time_to_live`` seconds, or if
        its holder is known to be dead.
        """
        if self.released_at is not None or self.silence >= time_to_live:
            return True
        return self.holder.is_certainly_dead()

    def describe(self) -> str:
        """A text that says who drives the study, and when the lease was last renewed."""
        since = self.acquired_at.astimezone(datetime.UTC)
        return (
            f"driven by pid {self.holder.pid} on {self.holder.host} since"
            f" {since:%Y-%m-%d %H:%M:%S} UTC, renewed {self.silence:.0f} s ago"
        )


@dataclass(frozen=True, kw_only=True)
class PastLease:
    """Who held a study's lease, and when."""

    #: Grows by one with every holder.
    epoch: int
    #: Host name of the holder.
    host: str
    #: Process number of the holder.
    pid: int
    #: When the holder took it, by the server's clock.
    acquired_at: datetime.datetime
    #: When the holder released it; None if it still holds it, or if it was taken over.
    released_at: datetime.datetime | None


def read_lease(connection: Connection, study: str) -> LeaseRecord | None:
    """The lease of a study; None if nobody ever held it."""
    return read_leases(connection, study).get(study)


def read_leases(connection: Connection, study: str | None = None) -> Mapping[str, LeaseRecord]:
    """The leases of all studies, or of one, by the study's name."""
    query = select(LeaseRow.__table__, func.clock_timestamp().label("read_at"))
    query = query.where(LeaseRow.epoch > 0)
    if study is not None:
        query = query.where(LeaseRow.study == study)
    return {row.study: LeaseRecord.from_row(row) for row in connection.execute(query)}


def lease_history(connection: Connection, study: str) -> tuple[PastLease, ...]:
    """All holders of a study's lease, oldest first."""
    query = select(LeaseHistoryRow.__table__).where(LeaseHistoryRow.study == study)
    return tuple(
        PastLease(
            epoch=row.epoch,
            host=row.host,
            pid=row.pid,
            acquired_at=row.acquired_at,
            released_at=row.released_at,
        )
        for row in connection.execute(query.order_by(LeaseHistoryRow.epoch))
    )
