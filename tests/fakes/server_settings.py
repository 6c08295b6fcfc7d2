"""Settings of a temporary PostgreSQL server."""

from sqlalchemy import text

from storage.database import Database

__all__ = ["spare_the_disk"]


def spare_the_disk(server: Database) -> None:
    """Let the server skip waiting for the disk, from now on and after restarts.

    Only a crash of the machine could lose what it has acknowledged, and no test crashes one: a
    server or a driver that is killed loses as little as before, since the system has their writes.
    """
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
