"""A transaction on whatever the caller has: an engine, or a connection of its own."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine

__all__ = ["transaction"]


@contextlib.contextmanager
def transaction(bind: Engine | Connection) -> Iterator[Connection]:
    """A connection inside a transaction.

    An engine gives a new transaction, committed at the end. A connection's own transaction is
    used if it is in one, and left to its owner; else one is made and committed.
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
