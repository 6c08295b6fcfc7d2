"""Outages: which errors mean that the database is away, rather than that we are wrong."""

from types import TracebackType

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from storage.errors import DatabaseAway, NotPermitted, StorageError

__all__ = ["database_away", "translated", "translation"]

#: SQLSTATE classes that pass without anybody mending a program: connection, transaction
#: rollback (deadlock), resources (disk full, connections), operator intervention, system.
PASSING_CLASSES = ("08", "40", "53", "57", "58")
#: Single states that pass: the server ended a silent transaction; a lock was not to be had.
PASSING_STATES = ("25P03", "55P03")
#: The role may not do this; the transaction is one that only reads.
REFUSED_STATES = ("42501", "25006")


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


def translation(error: BaseException | None) -> StorageError | None:
    """What an error means, as an error of ours; None where it is of another kind.

    An outage is :class:`DatabaseAway`, a role without the right :class:`NotPermitted`.
    """
    if database_away(error):
        return DatabaseAway(f"the database is away: {_first_words(error)}")
    if _refused(error):
        return NotPermitted(
            f"the role that connects to the database may not do this ({_first_words(error)}):"
            " give --storage with the driver's role, or the owner's;"
            " `python -m search roles` makes them"
        )
    return None


class translated:  # lower case: it reads like a function, with translated(): ...
    """Raise the :func:`translation` of errors that have one; others pass unchanged.

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
        if error is None or isinstance(error, StorageError):
            return
        told = translation(error)
        if told is not None:
            raise told from error


def _refused(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, is a want of rights."""
    while error is not None:
        if isinstance(error, DBAPIError):
            return getattr(error.orig, "pgcode", None) in REFUSED_STATES
        error = error.__cause__ or error.__context__
    return False


def _first_words(error: BaseException | None) -> str:
    """The first line of what the database, or libpq, said."""
    while error is not None and not isinstance(error, DBAPIError | DatabaseAway):
        error = error.__cause__ or error.__context__
    told = getattr(error, "orig", None) or error
    lines = str(told).strip().splitlines() or [type(told).__name__]
    return lines[0].strip().removeprefix("the database is away: ")


def _passes(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "pgcode", None)
    if state is None:  # libpq's own: no server was there to give a state
        return isinstance(error, (OperationalError, InterfaceError))
    return state[:2] in PASSING_CLASSES or state in PASSING_STATES
