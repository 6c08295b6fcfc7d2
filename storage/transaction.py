"""A transaction on an engine or on a connection, whichever the caller has."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

__all__ = ["transaction"]


@contextlib.contextmanager
def transaction(bind: Engine | Connection) -> Iterator[Connection]:
    """A connection inside a transaction.

    On an engine, a new transaction is begun, and committed at the end. On a connection, its
    current transaction is used and not committed; without one, a transaction is begun and
    committed.
    """
    if isinstance(bind, Connection) and bind.in_transaction():
        yield bind
    else:
        with bind.begin() if isinstance(bind, Engine) else _begin(bind) as connection:
            yield connection


@contextlib.contextmanager
def _begin(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        yield connection
