"""Every nth statement of a driver fails: not carried out, undone, or done and not answered."""

import itertools
import threading
from typing import Any

import psycopg2
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

__all__ = ["fail_statements"]

MESSAGE = "server closed the connection unexpectedly"


def fail_statements(every: int, *, done: int) -> None:
    """From now on in this process, of ``every`` statements and commits one fails.

    Every other failure strikes after the server has carried the statement out: a statement
    is then undone with its transaction, a commit stays, and no client is notified.

    Args:
        every: Statements a failure.
        done: How many to take as done already, so that drivers fail at different places.
    """
    counter = _Counter(every, done)
    dialect: Any = PGDialect_psycopg2
    execute, commit = dialect.do_execute, dialect.do_commit

    def do_execute(self: Any, cursor: Any, statement: Any, parameters: Any, context: Any) -> None:
        late = counter.strike()
        if late is not False:
            execute(self, cursor, statement, parameters, context)
        if late is not None:
            _break(cursor.connection)

    def do_commit(self: Any, connection: Any) -> None:
        late = counter.strike()
        if late is not False:
            commit(self, connection)
        if late is not None:
            _break(connection)

    dialect.do_execute, dialect.do_commit = do_execute, do_commit


class _Counter:
    """Counts statements of all threads."""

    def __init__(self, every: int, done: int) -> None:
        self._every, self._count = every, done
        self._late = itertools.cycle((False, True) if done % 2 else (True, False))
        self._lock = threading.Lock()

    def strike(self) -> bool | None:
        """None if the statement succeeds; else whether it fails after it was carried out."""
        with self._lock:
            self._count += 1
            return next(self._late) if self._count % self._every == 0 else None


def _break(connection: Any) -> None:
    """The connection is lost, and so is everything that was not committed."""
    getattr(connection, "driver_connection", connection).close()
    raise psycopg2.OperationalError(MESSAGE)
