"""Outages: which errors mean that the database is unreachable, rather than a programming error."""

from types import TracebackType

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from storage.errors import DatabaseUnreachable, NotPermitted, StorageError

__all__ = ["OUTAGE", "is_outage", "translated", "translation"]

#: How messages about an outage begin.
OUTAGE = "the database is unreachable: "
#: SQLSTATE classes of temporary errors: connection, transaction rollback (deadlock), resources
#: (disk full, connections), operator intervention, system.
PASSING_CLASSES = ("08", "40", "53", "57", "58")
#: Single temporary states: the server ended an idle transaction; a lock was not available.
PASSING_STATES = ("25P03", "55P03")
#: What to say of a refused statement, by its state: the role lacks a right; the transaction is
#: read-only.
REFUSALS = {
    "42501": (
        "the role that connects to the database may not do this ({}): give --storage with the"
        " driver's role, or the owner's; `python -m search roles` creates roles"
    ),
    "25006": (
        "the connection to the database may not do this ({}): give --storage with the driver's"
        " role, or the owner's (`python -m search roles` creates roles), on a server that takes"
        " writes, for a database without default_transaction_read_only"
    ),
}


def is_outage(error: BaseException | None) -> bool:
    """Whether an error, or an error that caused it, means that the database is unreachable.

    True for broken and refused connections, a server that is starting or stopping, a full disk,
    and transactions that the server ended; the same work may succeed later. False for errors of
    the program, and for a lost lease.
    """
    while error is not None:
        if isinstance(error, DatabaseUnreachable):
            return True
        if isinstance(error, StorageError):
            return False
        if isinstance(error, DBAPIError):
            return _passes(error)
        error = error.__cause__ or error.__context__
    return False


def translation(error: BaseException | None) -> StorageError | None:
    """Translate an error to one of ours; None if it has no translation.

    An outage becomes :class:`DatabaseUnreachable`, a missing right :class:`NotPermitted`.
    """
    if is_outage(error):
        return DatabaseUnreachable(f"{OUTAGE}{_first_line(error)}")
    refusal = _refusal(error)
    return None if refusal is None else NotPermitted(refusal.format(_first_line(error)))


class translated:  # lower case: it reads like a function, with translated(): ...
    """Raise the :func:`translation` of errors that have one; others stay unchanged.

    Engines of this package do so themselves; this is for code that gets errors of SQLAlchemy or
    Optuna from elsewhere.
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
        ours = translation(error)
        if ours is not None:
            raise ours from error


def _refusal(error: BaseException | None) -> str | None:
    """What to say of a refused statement, if the error or one that caused it is about one."""
    while error is not None:
        if isinstance(error, DBAPIError):
            return REFUSALS.get(getattr(error.orig, "pgcode", None) or "")
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException | None) -> str:
    """The first line of the message of the server or of libpq."""
    while error is not None and not isinstance(error, DBAPIError | DatabaseUnreachable):
        error = error.__cause__ or error.__context__
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [type(original).__name__]
    return lines[0].strip().removeprefix(OUTAGE)


def _passes(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "pgcode", None)
    if state is None:  # an error of libpq itself, without a server to give a state
        return isinstance(error, (OperationalError, InterfaceError))
    return state[:2] in PASSING_CLASSES or state in PASSING_STATES
