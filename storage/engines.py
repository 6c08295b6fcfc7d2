"""Engines: how connections are opened, and how their errors are translated.

Passwords are passed to libpq as connection arguments, never in an engine's URL, so that no text
that SQLAlchemy or Optuna makes of an engine can show one.
"""

import json
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.engine.interfaces import IsolationLevel

from storage.outage import translation
from storage.transaction_settings import TransactionSettings, set_in_each_transaction

__all__ = ["BARE_URL", "engine_options", "make_engine", "set_up"]

#: The URL of every engine: nothing but the driver.
BARE_URL = "postgresql+psycopg2://"

#: That of every transaction, whatever the default of the database or role is: statements here see
#: what others have committed since their transaction began.
ISOLATION: IsolationLevel = "READ COMMITTED"

#: Settings of libpq: texts may hold any character, whatever the locale, and a server that
#: disappears silently is noticed within about 15 s.
CLIENT_SETTINGS: dict[str, str | int] = {
    "client_encoding": "UTF8",
    "connect_timeout": 5,  # seconds
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 3,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


def make_engine(url: URL, *, name: str, connections: int = 1, read_only: bool = False) -> Engine:
    """An engine that raises :class:`DatabaseUnreachable` when the connection breaks.

    Args:
        url: The server's address, with the password; it is not kept as text.
        name: Name in the server's list of connections.
        connections: Largest number of connections open at once.
        read_only: Whether the server is to refuse every write.
    """
    engine = create_engine(BARE_URL, **engine_options(url, name=name, connections=connections))
    set_up(engine, TransactionSettings(read_only=read_only))
    return engine


def engine_options(url: URL, *, name: str, connections: int) -> dict[str, Any]:
    """Arguments of ``create_engine`` that this project uses for every connection."""
    return {
        "isolation_level": ISOLATION,
        "pool_pre_ping": True,
        "pool_size": connections,
        "max_overflow": 0,
        "json_serializer": _to_json,
        "connect_args": _connect_arguments(url, name),
    }


def set_up(engine: Engine, settings: TransactionSettings) -> None:
    """Set up an engine before it connects for the first time.

    All its transactions get the settings. It raises :class:`DatabaseUnreachable` when the
    connection breaks, and ``NotPermitted`` if the role lacks a right. Optuna repeats the creation
    of a trial after an error of SQLAlchemy, although the first try may have been stored and only
    its answer lost; errors of other types are not retried.
    """
    set_in_each_transaction(engine, settings)

    @event.listens_for(engine, "handle_error")
    def _translate(context: ExceptionContext) -> None:
        if context.is_pre_ping or context.sqlalchemy_exception is None:
            return
        translated = translation(context.sqlalchemy_exception)
        if translated is not None:
            raise translated


def _connect_arguments(url: URL, name: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {**CLIENT_SETTINGS, "application_name": f"unim2-search {name}"}
    arguments.update(url.translate_connect_args(username="user", database="dbname"))
    arguments.update(url.query)
    return arguments


def _to_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
