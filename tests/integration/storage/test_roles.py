"""Roles: the viewer reads and the driver adds, in every table and in later ones."""

import itertools
import os
import shlex
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from search.commands.app import app
from search.commands.roles import provide_roles
from search.driver.driver import Ending
from storage.address import Address, parse_address, take_address
from storage.database import Database, inspect_database, open_database
from storage.errors import ConnectError, NotPermitted, RoleError, SchemaError
from storage.models import Base
from storage.roles import RoleKind, RoleRequest, make_roles, version_tables
from storage.studies import create_study
from tests.fakes.search_process import new_study, run_search
from tests.integration.conftest import PasswordServer

ONE_LINE = r"\A[^\n]*\Z"
SCHEMAS = ("umss", "public")
_numbers = itertools.count()


@pytest.fixture
def names(_template: Database) -> Iterator[dict[RoleKind, str]]:
    """Names of a driver and a viewer of the test's own; roles belong to the whole server."""
    mark = f"{os.getpid()}_{next(_numbers)}"
    kinds: tuple[RoleKind, ...] = ("driver", "viewer")
    found = {kind: f"{kind} {mark} \"'%:" for kind in kinds}
    yield found
    for name in found.values():
        execute(_template, f"DROP ROLE IF EXISTS {quoted(name)}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def execute(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.fixture
def as_role(
    database: Database, database_address: str, names: dict[RoleKind, str]
) -> Iterator[Callable[..., Database]]:
    """Opens the test's database as one of its roles."""
    make_roles(database, [RoleRequest(name=name, kind=kind) for kind, name in names.items()])
    opened: list[Database] = []

    def open_as(kind: RoleKind, **options: bool) -> Database:
        address = database_address.replace("postgres@", f"{quote(names[kind])}@")
        opened.append(open_database(parse_address(address), **options))
        return opened[-1]

    yield open_as
    for each in opened:
        each.close()
    for name in names.values():
        execute(database, f"DROP OWNED BY {quoted(name)}")


def quote(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def tables(database: Database) -> list[str]:
    found = inspect(database.engine)
    return [f"{schema}.{name}" for schema in SCHEMAS for name in found.get_table_names(schema)]


def first_column(database: Database, table: str) -> str:
    schema, name = table.split(".")
    return str(inspect(database.engine).get_columns(name, schema)[0]["name"])


def attempt(database: Database, statement: str) -> None:
    """Try it with the role's own read-only setting off: the grants alone must refuse it."""
    with database.engine.execution_options(postgresql_readonly=False).begin() as connection:
        assert connection.scalar(text("SHOW transaction_read_only")) == "off"
        connection.exec_driver_sql(statement)


def test_the_viewer_reads_every_table_and_writes_none(
    database: Database, as_role: Callable[..., Database]
) -> None:
    viewer = as_role("viewer")
    found = tables(database)
    assert {*Base.metadata.tables, "public.trials", "public.studies"} < set(found)
    for table in found:
        with viewer.engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        column = first_column(database, table)
        for statement in (
            f"INSERT INTO {table} DEFAULT VALUES",
            f"UPDATE {table} SET {column} = {column}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
            f"SELECT * FROM {table} FOR SHARE",
            f"ALTER TABLE {table} ADD COLUMN x int",
            f"DROP TABLE {table} CASCADE",
        ):
            with pytest.raises(NotPermitted, match=ONE_LINE):
                attempt(viewer, statement)


@pytest.mark.parametrize(("kind", "writable"), [("driver", True), ("viewer", False)])
def test_it_is_known_whether_a_role_stores_studies(
    kind: RoleKind, writable: bool, as_role: Callable[..., Database]
) -> None:
    assert inspect_database(as_role(kind).address).writable == writable


def test_the_viewer_creates_nothing_either(as_role: Callable[..., Database]) -> None:
    viewer = as_role("viewer")
    for statement in (
        "CREATE TABLE umss.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE SCHEMA mine",
        "SELECT nextval('public.studies_study_id_seq')",
        "SET ROLE postgres",
    ):
        with pytest.raises(NotPermitted, match=ONE_LINE):
            attempt(viewer, statement)


def test_the_viewers_transactions_only_read_from_the_start(
    as_role: Callable[..., Database],
) -> None:
    with as_role("viewer").engine.connect() as connection:
        assert connection.scalar(text("SHOW transaction_read_only")) == "on"
    with as_role("driver").engine.connect() as connection:
        assert connection.scalar(text("SHOW transaction_read_only")) == "off"


def test_tables_that_come_later_have_the_same_rights(
    database: Database, as_role: Callable[..., Database]
) -> None:
    viewer, driver = as_role("viewer"), as_role("driver")
    for schema in SCHEMAS:
        execute(database, f"CREATE TABLE {schema}.later (x serial)")
        attempt(driver, f"INSERT INTO {schema}.later DEFAULT VALUES")
        with viewer.engine.connect() as connection:
            assert connection.scalar(text(f"SELECT x FROM {schema}.later")) == 1
        with pytest.raises(NotPermitted):
            attempt(viewer, f"INSERT INTO {schema}.later DEFAULT VALUES")
        with pytest.raises(NotPermitted):
            attempt(driver, f"DELETE FROM {schema}.later")


def test_the_driver_drives_a_whole_search_and_can_delete_nothing(
    database: Database,
    database_address: str,
    names: dict[RoleKind, str],
    as_role: Callable[..., Database],
    tmp_path: Path,
) -> None:
    driver = as_role("driver")
    address = database_address.replace("postgres@", f"{quote(names['driver'])}@")
    assert run_search(address, tmp_path, trials=3) is Ending.FINISHED
    for table in tables(database):
        for statement in (
            f"DELETE FROM {table}",
            f"TRUNCATE {table} CASCADE",
            f"DROP TABLE {table} CASCADE",
            f"ALTER TABLE {table} ADD COLUMN x int",
        ):
            with pytest.raises(NotPermitted):
                attempt(driver, statement)
    for table in (name.replace('"', "") for name in version_tables("public")):
        column = first_column(database, table)
        for statement in (
            f"UPDATE {table} SET {column} = {column}",
            f"INSERT INTO {table} DEFAULT VALUES",
        ):
            with pytest.raises(NotPermitted):
                attempt(driver, statement)
    with pytest.raises(NotPermitted):
        attempt(driver, "CREATE TABLE umss.mine (x int)")


def test_the_viewer_may_read_and_is_refused_writing_in_one_line(
    database_address: str,
    names: dict[RoleKind, str],
    as_role: Callable[..., Database],
    tmp_path: Path,
) -> None:
    del as_role  # the roles are made
    run_search(database_address, tmp_path, trials=2)
    viewer = database_address.replace("postgres@", f"{quote(names['viewer'])}@")
    for verb in (["list"], ["status"], ["best"]):
        shown = CliRunner().invoke(app, [*verb, "--storage", viewer])
        assert shown.exit_code == 0, shown.output
    refused = CliRunner().invoke(app, ["resume", "--trials", "9", "--storage", viewer])
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1 and "there is no unfinished" in refused.stderr
    with pytest.raises(NotPermitted, match=r"may not do this.*the driver's role"):
        run_search(viewer, tmp_path, trials=2)


def test_old_tables_are_left_to_the_owner(
    database: Database, as_role: Callable[..., Database]
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM umss.alembic_version"))
    for kind in ("driver", "viewer"):
        with pytest.raises(SchemaError, match="let the database's owner run this command once"):
            as_role(kind)
    with pytest.raises(SchemaError, match="let the owner run"):
        as_role("viewer", read_only=True)


def test_a_name_that_a_role_cannot_have_is_refused() -> None:
    for name in ("", "a" * 64, "ä" * 32, "line\nbreak", "pg_reader", "public"):
        with pytest.raises(RoleError, match=ONE_LINE):
            RoleRequest(name=name, kind="viewer")


def test_a_role_that_grants_do_not_hold_back_is_refused(
    database: Database, names: dict[RoleKind, str]
) -> None:
    with pytest.raises(RoleError, match="owns the tables"):
        make_roles(database, [RoleRequest(name="postgres", kind="viewer")])
    viewer = quoted(names["viewer"])
    for attributes in ("SUPERUSER", "CREATEROLE", "IN ROLE pg_write_all_data"):
        execute(database, f"CREATE ROLE {viewer} {attributes}")
        with pytest.raises(RoleError, match="rights that cannot be revoked here"):
            make_roles(database, [RoleRequest(name=names["viewer"], kind="viewer")])
        execute(database, f"DROP ROLE {viewer}")
    same = [RoleRequest(name=names["viewer"], kind=kind) for kind in ("viewer", "driver")]
    with pytest.raises(RoleError, match="the same name"):
        make_roles(database, same)


def test_an_owner_needs_not_to_be_a_superuser(
    _template: Database, embedded_root: Path, names: dict[RoleKind, str]
) -> None:
    owner = f"owner_{os.getpid()}"
    in_no_transaction = _template.engine.execution_options(isolation_level="AUTOCOMMIT")

    def administer(statement: str) -> None:
        with in_no_transaction.connect() as connection:
            connection.exec_driver_sql(statement.replace("%", "%%"))

    def address(role: str) -> Address:
        return parse_address(f"postgresql://{quote(role)}@/{owner}?host={embedded_root}")

    administer(f"CREATE ROLE {owner} LOGIN CREATEROLE")
    administer(f"CREATE DATABASE {owner} OWNER {owner}")
    try:
        given = {kind: (name, None) for kind, name in names.items()}
        for _ in range(2):  # again changes nothing
            provide_roles(address(owner), **given, only_print=False, say=print)
        with open_database(address(names["viewer"])) as viewer:
            with pytest.raises(NotPermitted):
                attempt(viewer, "INSERT INTO umss.study DEFAULT VALUES")
        with open_database(address(names["driver"])) as driver:
            create_study(driver.engine, "s", new_study(2))
    finally:
        administer(f"DROP DATABASE {owner} WITH (FORCE)")
        for name in (*names.values(), owner):
            administer(f"DROP ROLE {quoted(name)}")


def test_a_driver_that_becomes_a_viewer_loses_its_rights(
    database: Database, names: dict[RoleKind, str], as_role: Callable[..., Database]
) -> None:
    make_roles(database, [RoleRequest(name=names["driver"], kind="viewer")])
    former = as_role("driver")
    for table in tables(database):
        with pytest.raises(NotPermitted):
            attempt(former, f"INSERT INTO {table} DEFAULT VALUES")


def test_roles_are_made_with_passwords_from_files_that_no_log_shows(
    password_server: PasswordServer, tmp_path: Path
) -> None:
    secrets = {"driver": "dr\u00efver's \"p4ss", "viewer": "v13wer:%s{0}"}
    files = {kind: tmp_path / kind for kind in secrets}
    for kind, path in files.items():
        path.write_text(secrets[kind] + "\n")
    variable = password_server.address().replace("@", f":{quote(password_server.password)}@", 1)
    owner = take_address(None, {"UMSS_STORAGE": variable})
    said: list[str] = []

    def make(*, only_print: bool) -> None:
        provide_roles(
            owner,
            driver=("search_driver", files["driver"]),
            viewer=("search_viewer", files["viewer"]),
            only_print=only_print,
            say=said.append,
        )

    def let_in(user: str, secret: str) -> bool:
        address = parse_address(password_server.address(user=user), password=secret)
        with open_database(address) as opened, opened.engine.connect() as connection:
            return bool(connection.scalar(text("SELECT current_user = :user"), {"user": user}))

    make(only_print=True)
    with pytest.raises(ConnectError):
        let_in("search_viewer", secrets["viewer"])
    logged = with_statement_log(owner, lambda: make(only_print=False))
    assert 'CREATE ROLE "search_viewer" LOGIN PASSWORD' in logged
    assert all(secret not in logged for secret in secrets.values())
    assert let_in("search_viewer", secrets["viewer"])
    assert let_in("search_driver", secrets["driver"])
    assert all(secret not in "\n".join(said) for secret in secrets.values())
    words = shlex.split(said[-1].removeprefix("next: "))
    assert "search_driver@" in words[words.index("--storage") + 1]
    assert words[words.index("--password-file") + 1] == str(files["driver"])
    assert 'CREATE ROLE "search_viewer" LOGIN PASSWORD \'SCRAM-SHA-256$' in "\n".join(said)
    files["viewer"].write_text("another\n")
    make(only_print=False)
    assert let_in("search_viewer", "another")
    with pytest.raises(ConnectError, match="password authentication failed"):
        let_in("search_viewer", secrets["viewer"])


def with_statement_log(owner: Address, action: Callable[[], None]) -> str:
    """The server's log of an action while it logs every statement."""
    with open_database(owner) as database:
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET log_statement = 'all'")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        action()
        with engine.connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM RESET log_statement")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            log = "SELECT pg_read_file(current_setting('data_directory') || '/../log')"
            return str(connection.exec_driver_sql(log).scalar_one())


def test_the_command_asks_for_a_role(database_address: str, tmp_path: Path) -> None:
    for arguments, message in (
        ([], "no role was given"),
        (["--viewer-password-file", str(tmp_path)], "needs the name of the role"),
        (["--viewer", "v", "--viewer-password-file", str(tmp_path / "no")], "cannot read"),
    ):
        result = CliRunner().invoke(app, ["roles", *arguments, "--storage", database_address])
        assert result.exit_code == 2 and message in result.stderr
        assert result.stderr.count("\n") == 1
