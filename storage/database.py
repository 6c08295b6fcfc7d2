"""A database that is open: reachable, ours, and up to date."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from storage.address import Address
from storage.embedded import EmbeddedServer
from storage.engines import engine_options, make_engine
from storage.errors import ConnectError, DatabaseAway
from storage.schema import check_schema, schema_versions, upgrade_schema

__all__ = ["Database", "Sight", "look_at_database", "open_database"]

#: What libpq says, and how to mend it; the first sign that is found counts.
MENDS = (
    ("no password supplied", "give the password by UMSS_STORAGE, .pgpass or --password-file"),
    ("password authentication failed", "check the user and the password"),
    ("could not translate host name", "check the host name in the address"),
    ("no pg_hba.conf entry", "let the server admit this host and user, or use SSL (sslmode)"),
    ("invalid connection option", "leave that parameter out of the address"),
    ("certificate verify failed", "give sslrootcert=FILE with the authority that signed it"),
    ("does not match host name", "give the host by the name in the server's certificate"),
    ("root certificate file", "check the path that sslrootcert gives"),
    ("does not support SSL", "switch TLS on in the server (ssl = on), or leave sslmode out"),
    ("does not exist", "create it, or check its name in the address"),
)
USUAL_MEND = "check that the server runs and that host and port are right"


class Database:
    """An open database; close it, or use it in a ``with`` statement."""

    def __init__(
        self, address: Address, server: EmbeddedServer | None, *, read_only: bool = False
    ) -> None:
        self.address = address
        self.server = server
        #: Whether the server refuses every write of every connection that is opened here.
        self.read_only = read_only
        #: For our own tables; one connection.
        self.engine = self.make_engine(name="tables")

    def make_engine(self, *, name: str, connections: int = 1) -> Engine:
        """A further engine on the same database; whoever asks for it disposes of it."""
        url, read_only = self.url_parts(), self.read_only
        return make_engine(url, name=name, connections=connections, read_only=read_only)

    def engine_options(self, *, name: str) -> dict[str, Any]:
        """Arguments of SQLAlchemy for an engine of one connection that somebody else makes."""
        url, read_only = self.url_parts(), self.read_only
        return engine_options(url, name=name, connections=1, read_only=read_only)

    def url(self) -> str:
        """The address for SQLAlchemy, with the password in it: never to be logged or shown."""
        return self.url_parts().render_as_string(hide_password=False)

    def revive(self) -> None:
        """Start an embedded server again if it died; nothing for a server of others.

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

    def url_parts(self) -> URL:
        """The address for SQLAlchemy, taken apart; it holds the password."""
        host = None if self.server is None else str(self.server.socket_folder)
        return self.address.url(host=host)


def open_database(address: Address, *, read_only: bool = False) -> Database:
    """Reach the database (an embedded server is started) and bring our tables up to date.

    Args:
        address: Where it is.
        read_only: Have the server refuse every write; tables that are missing or old are an
            error then.

    Raises:
        ConnectError: If it cannot be reached or does not let us in.
        EmbeddedError: If the embedded server cannot be started.
        SchemaError: If its tables are newer than this program, or cannot be made.
    """
    server = None if address.folder is None else EmbeddedServer.join(address.folder)
    database = Database(address, server, read_only=read_only)
    try:
        _check_reachable(database)
        if read_only:
            check_schema(database.engine)
        else:
            upgrade_schema(database.engine)
    except BaseException:
        database.close()
        raise
    return database


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a database looks like from outside."""

    #: Version of the server.
    server: str
    #: Version of our tables; None if there are none.
    schema: str | None
    #: Version of the tables that this program makes.
    newest: str | None


def look_at_database(address: Address) -> Sight:
    """Reach the database and read what it is; an embedded server is started, nothing is made.

    Raises:
        ConnectError: If it cannot be reached or does not let us in.
        EmbeddedError: If the embedded server cannot be started.
    """
    server = None if address.folder is None else EmbeddedServer.join(address.folder)
    with Database(address, server) as database:
        _check_reachable(database)
        with database.engine.connect() as connection:
            told = connection.execute(text("SHOW server_version")).scalar_one()
            schema, newest = schema_versions(connection)
        return Sight(server=told, schema=schema, newest=newest)


def _check_reachable(database: Database) -> None:
    try:
        database.engine.connect().close()
    except (DatabaseAway, DBAPIError) as error:
        told = " ".join(str(getattr(error, "orig", error)).split())
        told = told.removeprefix("the database is away: ")
        mend = next((mend for sign, mend in MENDS if sign in told), USUAL_MEND)
        raise ConnectError(f"cannot open {database.address.masked()}: {told}; {mend}") from error
