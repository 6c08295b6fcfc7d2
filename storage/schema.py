"""The schema of our tables: creates them, migrates old ones, and refuses newer ones."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.schema import CreateSchema

from storage.errors import NotPermitted, SchemaError
from storage.models import SCHEMA

__all__ = ["check_schema", "known_versions", "lock_schema", "schema_versions", "upgrade_schema"]

#: Folder of the migrations.
MIGRATIONS = Path(__file__).parent / "migrations"
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
                command.upgrade(_config(connection), "head")
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
    script = ScriptDirectory.from_config(_config())
    return tuple(revision.revision for revision in script.walk_revisions())[::-1]


def schema_versions(connection: Connection) -> tuple[str | None, str | None]:
    """Version of the stored tables (None if there are none), and that of this program."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    return context.get_current_revision(), newest


def lock_schema(connection: Connection) -> None:
    """Keep others from creating tables until the connection's transaction ends."""
    for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {setting} = '{LOCK_TIMEOUT}'"))
    connection.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))


def _is_current(connection: Connection) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    found = context.get_current_revision()
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            f"the tables in schema {SCHEMA!r} have version {found}, newer than this program's"
            f" {script.get_current_head()}: update unim2-search, or give another database"
        )
    return found == script.get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
