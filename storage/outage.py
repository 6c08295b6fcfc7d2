"""Outages: which errors mean that the database is away, rather than that we are wrong."""

from types import TracebackType

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from storage.errors import DatabaseAway, StorageError

__all__ = ["away_message", "database_away", "translated"]

#: SQLSTATE classes that pass without anybody mending a program: connection, transaction
#: rollback (deadlock), resources (disk full, connections), operator intervention, system.
PASSING_CLASSES = ("08", "40", "53", "57", "58")
#: Single states that pass: the server ended a silent transaction; a lock was not to be had.
PASSING_STATES = ("25P03", "55P03")


def database_away(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, says that the database is away.

    True for broken and refused connections, a server that starts or stops, a full disk, and
    transactions that the server ended; the same work may succeed later. False for errors of
    the program, and for a lost lease.
    """
    while error is not None:
        if isinstance(error, DatabaseAway):
            return True
        if isinstance(error, StorageError):
            return False
        if isinstance(error, DBAPIError):
            return _passes(error)
        error = error.__cause__ or error.__context__
    return False


def away_message(error: BaseException) -> str:
    """One line for people: the first line of what the database, or libpq, said."""
    told = getattr(error, "orig", None) or error
    lines = str(told).strip().splitlines() or [type(told).__name__]
    return f"the database is away: {lines[0].strip()}"


class translated:  # lower case: it reads like a function, with translated(): ...
    """Turn errors that mean an outage into :class:`DatabaseAway`; others pass unchanged.

    Engines of this package raise it themselves; this is for code that meets SQLAlchemy or
    Optuna errors from elsewhere.
    """

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, StorageError) and database_away(error):
            raise DatabaseAway(away_message(error)) from error


def _passes(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "pgcode", None)
    if state is None:  # libpq's own: no server was there to give a state
        return isinstance(error, (OperationalError, InterfaceError))
    return state[:2] in PASSING_CLASSES or state in PASSING_STATES
