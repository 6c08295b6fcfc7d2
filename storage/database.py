"""Opens a database: checks that it is reachable, and brings our tables up to date."""

import contextlib
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from storage.address import Address
from storage.embedded import EmbeddedServer
from storage.engines import engine_options, make_engine
from storage.errors import ConnectError, DatabaseUnreachable
from storage.models import StudyRow
from storage.outage import OUTAGE
from storage.schema import check_schema, schema_versions, upgrade_schema

__all__ = [
    "SEARCH_CONNECTIONS",
    "Database",
    "DatabaseVersions",
    "check_room",
    "inspect_database",
    "open_database",
]

#: Connections of a search: for our tables, for Optuna's, for the lease.
SEARCH_CONNECTIONS = 3

MAY_WRITE = (
    f"SELECT has_table_privilege('{StudyRow.__table__}', 'INSERT')"
    " AND NOT current_setting('transaction_read_only')::bool"
)

#: Fixes by a part of libpq's or the server's message; the first match is used.
FIXES = (
    ("no password supplied", "give the password by UMSS_STORAGE, .pgpass or --password-file"),
    ("password authentication failed", "check the user and the password"),
    ("could not translate host name", "check the host name in the address"),
    ("no pg_hba.conf entry", "let the server admit this host and user, or use SSL (sslmode)"),
    ("invalid connection option", "leave that parameter out of the address"),
    ("certificate verify failed", "give sslrootcert=FILE with the authority that signed it"),
    ("does not match host name", "give the host by the name in the server's certificate"),
    ("root certificate file", "check the path that sslrootcert gives"),
    ("does not support SSL", "switch TLS on in the server (ssl = on), or leave sslmode out"),
    ("unsupported startup parameter", "leave that out of the address: PgBouncer takes none of it"),
    (
        "server closed the connection",
        "see the server's log; a PgBouncer must pool transactions or sessions, not statements",
    ),
    (
        "too many connections",
        "raise the limit of the role or the database, or end what else connects with it",
    ),
    ("connection slots", "raise the server's max_connections, or end what else connects to it"),
    ("too many clients", "raise the server's max_connections, or end what else connects to it"),
    ("no more connections", "raise PgBouncer's max_client_conn, or end what else connects to it"),
    (
        "session is read-only",
        "give the server that takes writes, or several: postgresql://H1:P1,H2:P2/NAME",
    ),
    ("definition of service", "unset PGSERVICE, or define that service in ~/.pg_service.conf"),
    ("does not exist", "create it, or check its name in the address"),
)
#: Encodings of databases that can hold every text; one of SQL_ASCII stores bytes as they come.
ANY_CHARACTER = ("UTF8", "SQL_ASCII")
USUAL_FIX = "check that the server runs and that host and port are right"


class Database:
    """An open database; call :meth:`close`, or use it in a ``with`` statement."""

    def __init__(
        self, address: Address, server: EmbeddedServer | None, *, read_only: bool = False
    ) -> None:
        self.address = address
        self.server = server
        #: Whether every connection that is opened here is read-only.
        self.read_only = read_only
        #: Schema of Optuna's tables; None until it is determined.
        self.optuna_schema: str | None = None
        #: Engine for our own tables, with one connection.
        self.engine = self.make_engine(name="tables")

    def make_engine(self, *, name: str, connections: int = 1) -> Engine:
        """Another engine for the same database; the caller disposes of it."""
        return make_engine(
            self.url(), name=name, connections=connections, read_only=self.read_only
        )

    def engine_options(self, *, name: str) -> dict[str, Any]:
        """Arguments of ``create_engine`` for an engine with one connection."""
        return engine_options(self.url(), name=name, connections=1)

    def revive(self) -> None:
        """Restart an embedded server if it died; does nothing for any other server.

        Raises:
            EmbeddedError: If it does not start.
        """
        if self.server is not None:
            self.server.ensure_running()

    def close(self) -> None:
        """Close the connections; the last process to leave an embedded server stops it."""
        self.engine.dispose()
        if self.server is not None:
            self.server.leave()

    def __enter__(self) -> "Database":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.address.masked()!r})"

    def url(self) -> URL:
        """The address for SQLAlchemy; it contains the password."""
        host = None if self.server is None else str(self.server.socket_folder)
        return self.address.url(host=host)


def open_database(address: Address, *, read_only: bool = False) -> Database:
    """Connect to the database and bring our tables up to date; starts an embedded server.

    Args:
        address: The database's address.
        read_only: Make all connections read-only; missing or old tables are then an error.

    Raises:
        ConnectError: If it is unreachable, refuses the connection, or has another encoding than
            UTF8.
        EmbeddedError: If the embedded server cannot be started.
        SchemaError: If its tables are newer than this program, or cannot be created.
    """
    server = None if address.folder is None else EmbeddedServer.join(address.folder)
    database = Database(address, server, read_only=read_only)
    try:
        _check_usable(database)
        if read_only:
            check_schema(database.engine)
        else:
            upgrade_schema(database.engine)
    except BaseException:
        database.close()
        raise
    return database


@dataclass(frozen=True, kw_only=True)
class DatabaseVersions:
    """The version of a database server and of our tables in it, and whether they can be used."""

    #: Version of the server.
    server: str
    #: Version of our tables; None if there are none.
    schema: str | None
    #: Version of the tables that this program creates.
    newest: str | None
    #: Whether the role may add studies; True without tables.
    writable: bool


def inspect_database(address: Address) -> DatabaseVersions:
    """Connect to the database and read its versions, without creating tables.

    Raises:
        ConnectError: If it is unreachable, refuses the connection, or has too few connections.
        EmbeddedError: If the embedded server cannot be started.
    """
    server = None if address.folder is None else EmbeddedServer.join(address.folder)
    with Database(address, server) as database:
        _check_usable(database)
        with database.engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
            schema, newest = schema_versions(connection)
            writable = schema is None or bool(connection.execute(text(MAY_WRITE)).scalar_one())
        check_room(database)
        return DatabaseVersions(server=version, schema=schema, newest=newest, writable=writable)


def check_room(database: Database) -> None:
    """Check that a search's connections can all be open at the same time, by opening them.

    A role, a database, the server and a pooler may each have a limit, and others may use part of
    it.

    Raises:
        ConnectError: If the server refuses one of them.
    """
    engine = database.make_engine(name="room", connections=SEARCH_CONNECTIONS - 1)
    opened = 0
    try:
        with contextlib.ExitStack() as stack:
            for each in (database.engine, *[engine] * (SEARCH_CONNECTIONS - 1)):
                stack.enter_context(each.connect())
                opened += 1
    except (DatabaseUnreachable, DBAPIError) as error:
        raise ConnectError(
            f"a search needs {SEARCH_CONNECTIONS} connections to {database.address.masked()} at a"
            f" time, and got {opened}: {_message(error)}; raise the limit (such as ALTER ROLE …"
            f" CONNECTION LIMIT {SEARCH_CONNECTIONS}), or end what else connects with this role"
        ) from error
    finally:
        engine.dispose()


def _check_usable(database: Database) -> None:
    try:
        with database.engine.begin() as connection:
            encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    except (DatabaseUnreachable, DBAPIError) as error:
        message = _message(error)
        fix = next((fix for part, fix in FIXES if part in message), USUAL_FIX)
        raise ConnectError(f"cannot open {database.address.masked()}: {message}; {fix}") from error
    if encoding not in ANY_CHARACTER:
        raise ConnectError(
            f"{database.address.masked()} stores text as {encoding}, which lacks characters that"
            " names may have: create a database with ENCODING 'UTF8' TEMPLATE template0"
        )


def _message(error: Exception) -> str:
    """The message of the server or of libpq, in one line."""
    message = " ".join(str(getattr(error, "orig", error)).split())
    return message.removeprefix(OUTAGE)
