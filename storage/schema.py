"""The version of our tables: made, brought up to date, or refused as too new."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import CreateSchema

from storage.errors import SchemaError
from storage.models import SCHEMA

__all__ = ["lock_schema", "schema_versions", "upgrade_schema"]

#: Key of the advisory lock that is held while tables are made: ours, or Optuna's.
LOCK_KEY = 0x756D7373  # "umss"
#: Longest wait for another process that makes tables, and longest silence of ours.
LOCK_TIMEOUT = "60s"


def upgrade_schema(engine: Engine) -> None:
    """Make our tables, or bring them up to date; writes nothing when they are.

    Processes that do it at once wait for one another. All steps are one transaction.

    Raises:
        SchemaError: If the tables are newer than this program, or cannot be made.
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
    except ProgrammingError as error:
        told = str(error.orig).strip().splitlines()[0]
        raise SchemaError(
            f"cannot make the tables in schema {SCHEMA!r}: {told}; let the database's owner run"
            " this command once, or grant the role CREATE on the database"
        ) from error


def schema_versions(connection: Connection) -> tuple[str | None, str | None]:
    """Version of the stored tables (None if there are none), and of those this program makes."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    newest = ScriptDirectory.from_config(_config(connection)).get_current_head()
    return context.get_current_revision(), newest


def lock_schema(connection: Connection) -> None:
    """Keep others from making tables until the connection's transaction ends."""
    for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {setting} = '{LOCK_TIMEOUT}'"))
    connection.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))


def _is_current(connection: Connection) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    found = context.get_current_revision()
    script = ScriptDirectory.from_config(_config(connection))
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            f"the tables in schema {SCHEMA!r} have version {found}, newer than this program's"
            f" {script.get_current_head()}: update unim2-search, or give another database"
        )
    return found == script.get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
