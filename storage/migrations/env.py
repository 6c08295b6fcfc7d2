"""Alembic's environment: runs the migrations of our tables on the given connection.

:mod:`storage.schema` runs it, and holds the lock and the transaction.
"""

from typing import Any

from alembic import context

from storage.models import SCHEMA, Base


def _is_ours(name: str | None, kind: str, parents: Any) -> bool:
    return name == SCHEMA if kind == "schema" else True


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=_is_ours,
)
context.run_migrations()
