"""Where Optuna's tables are: one schema for everybody, whatever a role's ``search_path`` says.

Optuna names its tables without a schema, so that ``search_path`` decides where they are made and
looked for; ours are always in ``umss``. Two roles of one database, or two addresses, would meet
the same studies with other trials. So the schema is found from what the database holds:

1. the schema whose Optuna tables hold a study of this program;
2. else ``public``, if Optuna's tables are there;
3. else ``umss_optuna``, if they are there;
4. else they are to be made: in ``public`` where the role may, or in ``umss_optuna``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from storage.errors import SchemaError

__all__ = ["MARK_ATTRIBUTE", "OptunaPlace", "find_place", "make_place", "quoted"]

PUBLIC, OWN = "public", "umss_optuna"
#: System attribute of a study in Optuna's tables, which this program alone writes.
MARK_ATTRIBUTE = "unim2:created_at"
#: Tables whose one row is written when all others have been made.
LAST_WRITTEN = ("version_info", "alembic_version")
#: Schemas with tables of Optuna's, and whether the role may read all of those that are asked.
CANDIDATES = text(
    "SELECT n.nspname, bool_and(has_schema_privilege(n.oid, 'USAGE')"
    " AND has_table_privilege(c.oid, 'SELECT'))"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND c.relname IN"
    " ('studies', 'study_system_attributes', 'version_info', 'alembic_version')"
    " GROUP BY n.nspname HAVING count(*) = 4 ORDER BY n.nspname"
)
#: Null where there is no such schema.
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
    #: Whether they are there, with their versions written down.
    made: bool


def find_place(connection: Connection) -> OptunaPlace:
    """The schema of Optuna's tables; makes nothing.

    Args:
        connection: With the role's own search path.

    Raises:
        SchemaError: If several schemas hold studies of this program, and no search path names
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
    """Make the schema if it is one that this program makes."""
    if place.schema == OWN:
        connection.execute(CreateSchema(OWN, if_not_exists=True))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _is_marked(connection: Connection, schema: str) -> bool:
    query = (
        f"SELECT EXISTS (SELECT FROM {_table(schema, 'study_system_attributes')} WHERE key = %s)"
    )
    return bool(connection.exec_driver_sql(query, (MARK_ATTRIBUTE,)).scalar_one())


def _is_whole(connection: Connection, schema: str) -> bool:
    """Whether the making of the tables, which is many transactions, came to its end."""
    parts = (f"EXISTS (SELECT FROM {_table(schema, name)})" for name in LAST_WRITTEN)
    return bool(connection.exec_driver_sql(f"SELECT {' AND '.join(parts)}", ()).scalar_one())


def _table(schema: str, name: str) -> str:
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
        f" (?options=-csearch_path={marked[0]}), and bring the studies together with"
        " export-study and import-study"
    )
