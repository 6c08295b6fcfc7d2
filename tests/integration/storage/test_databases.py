"""Opening databases: refusals and their messages, and secrets that no message may show."""

import concurrent.futures
import os
import traceback
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from storage.address import Address, parse_address, take_address
from storage.database import Database, inspect_database, open_database
from storage.errors import ConnectError, DatabaseUnreachable, SchemaError
from storage.models import SCHEMA, Base
from tests.integration.conftest import PasswordServer

ONE_LINE = r"\A[^\n]*\Z"


def open_and_close(address: Address) -> object:
    with open_database(address) as database, database.engine.connect() as connection:
        return connection.execute(text("SELECT 1")).scalar_one()


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


def test_a_password_from_each_source_opens_the_database(
    password_server: PasswordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    address = password_server.address()
    with_password = address.replace("owner@", f"owner:{password_server.password}@")
    environment = {"UMSS_STORAGE": with_password}
    assert open_and_close(take_address(None, environment)) == 1
    assert environment == {}
    assert open_and_close(take_address(address, {"PGPASSWORD": password_server.password})) == 1

    password_file = tmp_path / "password"
    password_file.write_text(password_server.password + "\n")
    assert open_and_close(parse_address(address, password_file=password_file)) == 1

    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"127.0.0.1:*:*:owner:{password_server.password}\n")
    pgpass.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(pgpass))
    assert open_and_close(parse_address(address)) == 1


def test_a_wrong_password_is_one_line_without_it(password_server: PasswordServer) -> None:
    wrong = "not-the-passw0rd"
    address = parse_address(password_server.address(), password=wrong)
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(address)
    assert "password authentication failed" in str(caught.value)
    assert "check the user and the password" in str(caught.value)
    assert wrong not in everything_said(caught.value)


def test_no_password_is_one_line_that_names_the_sources(
    password_server: PasswordServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(parse_address(password_server.address()))
    assert "UMSS_STORAGE, .pgpass or --password-file" in str(caught.value)


def test_a_missing_database_is_one_line(password_server: PasswordServer) -> None:
    address = parse_address(
        password_server.address(database="nowhere"), password=password_server.password
    )
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(address)
    assert '"nowhere" does not exist; create it' in str(caught.value)
    assert password_server.password not in everything_said(caught.value)


def test_an_unreachable_server_is_one_line() -> None:
    secret = "hush-hush"
    address = parse_address("postgresql://someone@127.0.0.1:1/name", password=secret)
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(address)
    assert "postgresql://someone:***@127.0.0.1:1/name" in str(caught.value)
    assert "check that the server runs" in str(caught.value)
    assert secret not in everything_said(caught.value)


def test_an_unknown_parameter_is_one_line(database_address: str) -> None:
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(parse_address(f"{database_address}&colour=blue"))
    assert 'invalid connection option "colour"' in str(caught.value)


def test_errors_of_statements_hold_no_password(password_server: PasswordServer) -> None:
    address = parse_address(password_server.address(), password=password_server.password)
    with open_database(address) as database:
        pid = "SELECT pg_terminate_backend(pg_backend_pid())"
        with pytest.raises(DatabaseUnreachable) as caught, database.engine.begin() as connection:
            connection.execute(text(pid))
        said = everything_said(caught.value) + repr(database) + repr(database.engine)
        said += repr(database.engine.url) + repr(database.engine.pool)
        assert password_server.password not in said
        assert database.url().password == password_server.password


def test_tables_are_made_once_and_left_alone_after(empty_database_address: str) -> None:
    address = parse_address(empty_database_address)
    with open_database(address) as database:
        tables = inspect(database.engine).get_table_names(schema=SCHEMA)
        assert {f"{SCHEMA}.{name}" for name in tables} == {
            *Base.metadata.tables,
            f"{SCHEMA}.alembic_version",
        }
        assert not inspect(database.engine).get_table_names(schema="public")
        before = written(database)
    with open_database(address) as database:
        assert written(database) == before


def written(database: Database) -> object:
    """The number of transactions that have written so far; this query is not one."""
    with database.engine.connect() as connection:
        query = "SELECT pg_snapshot_xmax(pg_current_snapshot())"
        return connection.execute(text(query)).scalar_one()


def test_looking_at_a_database_creates_nothing(
    empty_database_address: str, database_address: str
) -> None:
    with open_database(parse_address(database_address)):
        pass
    made = inspect_database(parse_address(database_address))
    assert made.schema == made.newest is not None
    for _ in range(2):
        empty = inspect_database(parse_address(empty_database_address))
        assert empty.schema is None and empty.newest == made.newest
    assert empty.server.startswith("18.")


def test_migrations_create_the_tables_of_the_models(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, parents: kind != "schema" or name == SCHEMA,
    }
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        checks = inspect(connection).get_check_constraints("study", schema=SCHEMA)
    assert {check["name"] for check in checks} == {
        constraint.name
        for constraint in Base.metadata.tables["umss.study"].constraints
        if str(constraint.name).startswith("ck_")
    }


def test_many_that_open_an_empty_database_at_once_all_find_the_tables(
    empty_database_address: str,
) -> None:
    address = parse_address(empty_database_address)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_and_close, [address] * 6)) == [1] * 6


def test_newer_tables_are_refused(database: Database, database_address: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE umss.alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match=r"have version 9999, newer .* update unim2-search"):
        open_database(parse_address(database_address))


def test_a_role_that_may_not_create_tables_gets_one_line(
    empty_database_address: str, _template: Database
) -> None:
    role = f"weak_{os.getpid()}"
    with _template.engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
    try:
        with pytest.raises(SchemaError, match=r"permission denied.*grant the role CREATE"):
            open_database(parse_address(empty_database_address.replace("postgres@", f"{role}@")))
    finally:
        with _template.engine.begin() as connection:
            connection.execute(text(f"DROP ROLE {role}"))


def test_the_server_ends_idle_transactions(database: Database) -> None:
    def setting(name: str) -> object:
        with database.engine.connect() as connection:
            return connection.execute(text(f"SHOW {name}")).scalar_one()

    assert setting("idle_in_transaction_session_timeout") == "10s"
    assert setting("lock_timeout") == "15s"
