"""Roles: who may do what in the database.

The **owner**, the role that runs :func:`make_roles`, creates the tables and migrates them. The
**driver** reads, adds and changes rows, in existing and future tables; it cannot delete rows or
create tables. The **viewer** can only read.

The server receives a password only as a SCRAM verifier, which libpq computes: neither the server's
log nor :func:`role_statements` shows the password.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from psycopg2.extensions import encrypt_password
from sqlalchemy import Connection, text

from storage.address import read_password
from storage.database import Database
from storage.errors import RoleError
from storage.models import SCHEMA
from storage.optuna_schema import PUBLIC, find_place
from storage.optuna_schema import quoted as _name

__all__ = ["RoleKind", "RoleRequest", "make_roles", "role_statements", "version_tables"]

RoleKind = Literal["driver", "viewer"]

LONGEST_NAME = 63  # bytes; PostgreSQL truncates longer names
#: Whether a role has attributes that grants cannot restrict, and whether it is in other roles.
FOUND = text(
    "SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls AS mighty,"
    " EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) AS belongs"
    " FROM pg_roles WHERE rolname = :name"
)
#: Whether the schema ``public`` exists: some databases have dropped it.
HAS_PUBLIC = text(
    f"SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = '{PUBLIC}')"
)


@dataclass(frozen=True, kw_only=True)
class RoleRequest:
    """A requested role."""

    name: str
    kind: RoleKind
    #: Secret; None keeps the existing password, if any.
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        length = len(self.name.encode())
        if not 1 <= length <= LONGEST_NAME or not self.name.isprintable():
            raise RoleError(
                f"a role cannot be named {self.name[:80]!r}: give 1 to {LONGEST_NAME} printable"
                " characters"
            )
        if self.name.startswith("pg_") or self.name == "public":
            raise RoleError(
                f"PostgreSQL reserves the name {self.name!r}: give the role another name"
            )

    @classmethod
    def with_password_file(
        cls, name: str, kind: RoleKind, password_file: Path | None
    ) -> "RoleRequest":
        """A requested role whose password is the first line of a file.

        Raises:
            RoleError: If the name is not allowed.
            AddressError: If the file cannot be read, or its first line is empty.
        """
        password = None if password_file is None else read_password(password_file)
        return cls(name=name, kind=kind, password=password)


def version_tables(optuna_schema: str) -> tuple[str, ...]:
    """The tables that hold the versions of the other tables; only the owner changes them."""
    optuna = _name(optuna_schema)
    return f"{SCHEMA}.alembic_version", f"{optuna}.alembic_version", f"{optuna}.version_info"


def make_roles(database: Database, requests: Sequence[RoleRequest]) -> None:
    """Create the roles, or give existing ones exactly these rights; all of them or none.

    Optuna's tables must exist.

    Args:
        database: Opened as the owner of its tables.
        requests: The requested roles.

    Raises:
        RoleError: If one of them is the owner itself, or has other rights that cannot be revoked.
        NotPermitted: If the owner may not create roles, or does not own the tables.
    """
    with database.engine.begin() as connection:
        for statement in role_statements(connection, requests):
            connection.exec_driver_sql(statement.replace("%", "%%"))


def role_statements(connection: Connection, requests: Sequence[RoleRequest]) -> tuple[str, ...]:
    """The statements that :func:`make_roles` executes.

    Raises:
        RoleError: If a role is the owner itself, or has other rights that cannot be revoked.
    """
    database, owner = connection.execute(text("SELECT current_database(), current_user")).one()
    optuna = find_place(connection).schema
    names = [request.name for request in requests]
    if len(set(names)) < len(names):
        raise RoleError("two roles have the same name: give each another name")
    closed = f"REVOKE CREATE ON SCHEMA {PUBLIC} FROM PUBLIC"
    return (
        f"REVOKE TEMPORARY ON DATABASE {_name(database)} FROM PUBLIC",
        *((closed,) if connection.execute(HAS_PUBLIC).scalar_one() else ()),
        *(
            statement
            for request in requests
            for statement in (
                _login(connection, request, owner),
                *_no_rights(request, database, optuna),
                *_rights(request, database, optuna),
            )
        ),
    )


def _login(connection: Connection, request: RoleRequest, owner: str) -> str:
    found = connection.execute(FOUND, {"name": request.name}).one_or_none()
    if request.name == owner:
        raise RoleError(
            f"{request.name!r} is the role that connects, which owns the tables: give the"
            f" {request.kind} another name"
        )
    if found is not None and (found.mighty or found.belongs):
        raise RoleError(
            f"the role {request.name!r} has rights that cannot be revoked here (its attributes, or"
            f" roles that it is a member of): give the {request.kind} another name"
        )
    verb = "CREATE" if found is None else "ALTER"
    login = f"{verb} ROLE {_name(request.name)} LOGIN"
    if request.password is None:
        return login
    scope = connection.connection.dbapi_connection
    verifier = encrypt_password(request.password, request.name, scope, "scram-sha-256")
    return f"{login} PASSWORD {_text(verifier)}"


def _no_rights(request: RoleRequest, database: str, optuna: str) -> Iterator[str]:
    """The statements that revoke all rights that an existing role has here."""
    role = _name(request.name)
    yield f"REVOKE ALL ON DATABASE {_name(database)} FROM {role}"
    for schema in (SCHEMA, _name(optuna)):
        yield f"REVOKE ALL ON SCHEMA {schema} FROM {role}"
        for kind in ("TABLES", "SEQUENCES"):
            yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {role}"
            yield (f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON {kind} FROM {role}")


def _rights(request: RoleRequest, database: str, optuna: str) -> Iterator[str]:
    role = _name(request.name)
    tables = "SELECT" if request.kind == "viewer" else "SELECT, INSERT, UPDATE"
    yield f"GRANT CONNECT ON DATABASE {_name(database)} TO {role}"
    for schema in (SCHEMA, _name(optuna)):
        yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
        yield f"GRANT {tables} ON ALL TABLES IN SCHEMA {schema} TO {role}"
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {tables} ON TABLES TO {role}"
        if request.kind == "driver":
            yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
            yield (
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}"
            )
    if request.kind == "driver":
        yield f"REVOKE INSERT, UPDATE ON {', '.join(version_tables(optuna))} FROM {role}"
    read_only = "on" if request.kind == "viewer" else "off"
    yield (
        f"ALTER ROLE {role} IN DATABASE {_name(database)}"
        f" SET default_transaction_read_only = {read_only}"
    )


def _text(literal: str) -> str:
    return "'" + literal.replace("'", "''") + "'"
