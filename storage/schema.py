"""The schema of our tables: creates them, migrates old ones, and refuses newer ones."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.schema import CreateSchema

from storage.errors import NotPermitted, SchemaError
from storage.models import SCHEMA

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["check_schema", "known_versions", "lock_schema", "schema_versions", "upgrade_schema"]

#: Folder of the migrations: ``versions/VERSION_TITLE.py``.
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
#: Key of the advisory lock that is held while tables are created, ours or Optuna's.
LOCK_KEY = 0x756D7373  # "umss"
#: Longest wait for another process that creates tables, and longest idle time of our transaction.
LOCK_TIMEOUT = "60s"


def upgrade_schema(engine: Engine) -> None:
    """Create our tables or migrate them; writes nothing if they are up to date.

    Concurrent processes wait for each other. All migrations run in one transaction.

    Raises:
        SchemaError: If the tables are newer than this program, or cannot be created.
    """
    with engine.connect() as connection:
        if _is_current(connection):
            return
    try:
        with engine.begin() as connection:
            lock_schema(connection)
            if not _is_current(connection):
                connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
                _upgrade(connection)
    except NotPermitted as error:
        raise SchemaError(
            f"cannot create the tables in schema {SCHEMA!r}: {error}; let the database's owner run"
            " this command once, or grant the role CREATE on the database"
        ) from error


def check_schema(engine: Engine) -> None:
    """Check that our tables exist and have the version of this program; writes nothing.

    Raises:
        SchemaError: If they are missing, older or newer.
    """
    with engine.connect() as connection:
        if not _is_current(connection):
            raise SchemaError(
                f"the tables in schema {SCHEMA!r} are missing or older than this program, and this"
                " command must not write: let the owner run `python -m search list` once"
            )


def known_versions() -> tuple[str, ...]:
    """Versions of our tables that this program knows, oldest first."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def schema_versions(connection: Connection) -> tuple[str | None, str]:
    """Version of the stored tables (None if there are none), and that of this program."""
    return _stored_version(connection), known_versions()[-1]


def lock_schema(connection: Connection) -> None:
    """Keep others from creating tables until the connection's transaction ends."""
    for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {setting} = '{LOCK_TIMEOUT}'"))
    connection.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))


def _is_current(connection: Connection) -> bool:
    found, newest = schema_versions(connection)
    if found is not None and found not in known_versions():
        raise SchemaError(
            f"the tables in schema {SCHEMA!r} have version {found}, newer than this program's"
            f" {newest}: update unim2-search, or give another database"
        )
    return found == newest


def _stored_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE, schema=SCHEMA):
        return None
    stored = text(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}")
    version: str | None = connection.execute(stored).scalar_one_or_none()
    return version


def _upgrade(connection: Connection) -> None:
    from alembic import command  # lazily: slow, and needed for a migration alone

    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # lazily: as above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
