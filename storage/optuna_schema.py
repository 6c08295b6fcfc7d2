"""Finds the schema of Optuna's tables: one for all roles, whatever their ``search_path`` says.

Optuna names its tables without a schema, so ``search_path`` would decide where they are created
and found; ours are always in ``umss``. Two roles of one database, or two addresses, could then see
the same studies with different trials. The schema is therefore chosen by the database's content:

1. the schema whose Optuna tables contain a study of this program;
2. else ``public``, if it contains Optuna's tables;
3. else ``umss_optuna``, if it contains them;
4. else they will be created: in ``public`` if the role may, otherwise in ``umss_optuna``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from storage.errors import SchemaError

__all__ = ["MARK_ATTRIBUTE", "OptunaPlace", "find_place", "make_place", "quoted", "table_name"]

PUBLIC, OWN = "public", "umss_optuna"
#: System attribute of a study in Optuna's tables that only this program writes.
MARK_ATTRIBUTE = "unim2:created_at"
#: Tables whose single row is written after all tables have been created.
LAST_WRITTEN = ("version_info", "alembic_version")
#: Schemas that contain Optuna's tables, and whether the role may read the four tables named here.
CANDIDATES = text(
    "SELECT n.nspname, bool_and(has_schema_privilege(n.oid, 'USAGE')"
    " AND has_table_privilege(c.oid, 'SELECT'))"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND c.relname IN"
    " ('studies', 'study_system_attributes', 'version_info', 'alembic_version')"
    " GROUP BY n.nspname HAVING count(*) = 4 ORDER BY n.nspname"
)
#: Whether the role may create tables in a schema; no row if the schema does not exist.
MAY_MAKE = text(
    "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = :name"
)
#: Whether somebody chose a search path: in the address, or for the role or the database.
PATH_CHOSEN = text(
    "SELECT source NOT IN ('default', 'configuration file') FROM pg_catalog.pg_settings"
    " WHERE name = 'search_path'"
)
SEARCH_PATH = text("SELECT unnest(current_schemas(false))")


@dataclass(frozen=True, kw_only=True)
class OptunaPlace:
    """A schema for Optuna's tables."""

    schema: str
    #: Whether the tables exist, including the rows with their versions.
    made: bool


def find_place(connection: Connection) -> OptunaPlace:
    """Find the schema of Optuna's tables, without creating anything.

    Args:
        connection: With the role's own search path.

    Raises:
        SchemaError: If several schemas contain studies of this program, and no search path names
            one of them.
    """
    readable = {name: bool(may) for name, may in connection.execute(CANDIDATES)}
    marked = [name for name, may in readable.items() if may and _is_marked(connection, name)]
    if marked:
        return OptunaPlace(schema=_the_one(connection, marked), made=True)
    for name in (PUBLIC, OWN):
        if name in readable:
            made = not readable[name] or _is_whole(connection, name)
            return OptunaPlace(schema=name, made=made)
    in_public = connection.execute(MAY_MAKE, {"name": PUBLIC}).scalar_one_or_none()
    return OptunaPlace(schema=PUBLIC if in_public else OWN, made=False)


def make_place(connection: Connection, place: OptunaPlace) -> None:
    """Create the schema if it is ``umss_optuna``."""
    if place.schema == OWN:
        connection.execute(CreateSchema(OWN, if_not_exists=True))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _is_marked(connection: Connection, schema: str) -> bool:
    table = table_name(schema, "study_system_attributes")
    query = f"SELECT EXISTS (SELECT FROM {table} WHERE key = %s)"
    return bool(connection.exec_driver_sql(query, (MARK_ATTRIBUTE,)).scalar_one())


def _is_whole(connection: Connection, schema: str) -> bool:
    """Whether the creation of the tables, which takes several transactions, was completed."""
    parts = (f"EXISTS (SELECT FROM {table_name(schema, name)})" for name in LAST_WRITTEN)
    return bool(connection.exec_driver_sql(f"SELECT {' AND '.join(parts)}", ()).scalar_one())


def table_name(schema: str, name: str) -> str:
    """A table as SQL that takes parameters names it."""
    return f"{quoted(schema)}.{name}".replace("%", "%%")


def _the_one(connection: Connection, marked: Sequence[str]) -> str:
    if len(marked) == 1:
        return marked[0]
    if connection.execute(PATH_CHOSEN).scalar_one():
        for name in connection.execute(SEARCH_PATH).scalars():
            if name in marked:
                return str(name)
    raise SchemaError(
        "studies of this program are in Optuna's tables of several schemas"
        f" ({', '.join(marked)}): name one of these in the address"
        f" (?options=-csearch_path={marked[0]}), and move the studies into one schema with"
        " export-study and import-study"
    )
