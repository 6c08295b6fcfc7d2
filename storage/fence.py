"""The fence: a driver that has lost its lease cannot write.

Before each commit that writes something, the lease's row is read ``FOR SHARE`` in the same
transaction. A takeover needs an exclusive lock on the same row, so it happens either before (the
epoch differs, and the commit is refused) or after (the commit is done).
"""

from sqlalchemy import Connection, Engine, event, text

from storage.errors import LeaseLost
from storage.lease import Lease, lost_message
from storage.lease_record import read_lease

__all__ = ["fence"]

#: Whether the transaction wrote, and if so the epoch, locked against a takeover. A transaction
#: that only read has no id yet and needs no lock, which would itself be a write.
CHECK = text(
    "SELECT pg_current_xact_id_if_assigned() IS NOT NULL, ("
    " SELECT epoch FROM umss.lease WHERE study = :study AND released_at IS NULL"
    " AND pg_current_xact_id_if_assigned() IS NOT NULL FOR SHARE)"
)


def fence(engine: Engine, lease: Lease) -> None:
    """Refuse every commit of the engine that writes while ``lease`` is not held.

    From now on, each commit of the engine that writes raises :class:`LeaseLost` and is rolled
    back if another process has taken the lease, or if the lease was released.
    """

    @event.listens_for(engine, "commit")
    def _check(connection: Connection) -> None:
        wrote, epoch = connection.execute(CHECK, {"study": lease.study}).one()
        if wrote and epoch != lease.epoch:
            lease.mark_lost()
            record = read_lease(connection, lease.study)
            raise LeaseLost(lost_message(lease.study, lease.epoch, record))
        if wrote:
            lease.triggers.fenced(lease.study)
