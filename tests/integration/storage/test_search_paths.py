"""Optuna's tables are in one schema for everybody, whatever search path a role or address has."""

import concurrent.futures
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from search.commands.app import app
from search.dashboard.serving import dashboard
from search.driver.driver import Ending
from search.reporting.reading import read_studies, read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import NotPermitted, SchemaError
from storage.optuna_store import open_optuna
from tests.fakes.search_process import STUDY, run_search

TEAM = "&options=-csearch_path%3Dteam"
#: With a schema as every role of it has: named like the role, first in the default search path.
PATHS = ("", TEAM, "&options=-csearch_path%3Dnowhere")


@pytest.fixture
def database(owned_database: Any) -> Any:
    """A database with a schema for its owner and one for a team."""
    with open_database(parse_address(owned_database.address())) as opened:
        run(opened, f"CREATE SCHEMA {owned_database.owner}", "CREATE SCHEMA team")
    return owned_database


def run(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def verb(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def schemas_of_optuna(address: str) -> list[str]:
    with open_database(parse_address(address)) as opened:
        found = inspect(opened.engine)
        return [
            name
            for name in found.get_schema_names()
            if name != "information_schema" and "trials" in found.get_table_names(name)
        ]


@pytest.mark.parametrize("made_by", PATHS)
def test_every_path_finds_the_same_trials(database: Any, made_by: str, tmp_path: Path) -> None:
    assert run_search(database.address(made_by), tmp_path, trials=2) is Ending.FINISHED
    assert schemas_of_optuna(database.address()) == ["public"]
    for path in PATHS:
        with open_database(parse_address(database.address(path))) as opened:
            (view,) = read_studies(opened)
            assert view.counts.finished == 2
        assert "2 of 2" in verb("list", "--storage", database.address(path))


def test_roles_reach_the_tables_whatever_their_path(
    database: Any, tmp_path: Path, password_server: Any
) -> None:
    run_search(database.address(TEAM), tmp_path, trials=2)
    viewer, driver = f"{database.owner}_viewer", f"{database.owner}_driver"
    secret = tmp_path / "secret"
    secret.write_text(password_server.password)
    for path in PATHS:
        verb(
            "roles", "--storage", database.address(path),
            "--driver", driver, "--driver-password-file", str(secret),
            "--viewer", viewer, "--viewer-password-file", str(secret),
        )  # fmt: skip
    database.execute(f"ALTER ROLE {driver} SET search_path = elsewhere")
    as_driver = database.address().replace(f"{database.owner}@", f"{driver}@")
    assert run_search(as_driver, tmp_path, trials=2) is Ending.FINISHED
    as_viewer = database.address().replace(f"{database.owner}@", f"{viewer}@")
    assert "2 of 2" in verb("list", "--storage", as_viewer)
    with (
        open_database(parse_address(as_viewer), read_only=True) as opened,
        dashboard(opened, artifacts=None) as application,
    ):
        assert STUDY in "".join(map(bytes.decode, application(request(), answer)))


def request() -> Any:
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, Any] = {"PATH_INFO": "/api/studies", "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    return environ


def answer(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
    assert status.startswith("200")


def moved_to(database: Any, schema: str) -> None:
    """Put Optuna's tables where an earlier version created them: first in the search path."""
    with open_database(parse_address(database.address())) as opened:
        found = inspect(opened.engine)
        tables = found.get_table_names("public")
        kinds = [kind["name"] for kind in found.get_enums("public")]  # type: ignore[attr-defined]
        run(opened, *(f"ALTER TABLE public.{name} SET SCHEMA {schema}" for name in tables))
        run(opened, *(f"ALTER TYPE public.{name} SET SCHEMA {schema}" for name in kinds))


def test_tables_that_an_earlier_version_made_elsewhere_are_found(
    database: Any, tmp_path: Path
) -> None:
    run_search(database.address(), tmp_path, trials=2)
    moved_to(database, database.owner)
    for path in PATHS:
        assert "2 of 2" in verb("list", "--storage", database.address(path))
    assert schemas_of_optuna(database.address()) == [database.owner]


def test_tables_of_other_programs_are_left_alone(database: Any, tmp_path: Path) -> None:
    with open_database(parse_address(database.address())) as opened:
        open_optuna(opened).create_new_study([optuna.study.StudyDirection.MINIMIZE], STUDY)
    moved_to(database, "team")
    assert run_search(database.address(TEAM), tmp_path, trials=2) is Ending.FINISHED
    assert schemas_of_optuna(database.address()) == ["public", "team"]
    with open_database(parse_address(database.address())) as opened, opened.engine.connect() as c:
        assert c.execute(text("SELECT count(*) FROM team.trials")).scalar_one() == 0


def test_studies_in_two_schemas_are_refused_until_the_address_names_one(
    database: Any, tmp_path: Path
) -> None:
    run_search(database.address(), tmp_path, trials=2)
    moved_to(database, "team")
    with open_database(parse_address(database.address())) as opened:
        run(
            opened,
            "CREATE SCHEMA more",
            *(
                f"CREATE TABLE more.{name} AS SELECT * FROM team.{name}"
                for name in ("studies", "study_system_attributes", "version_info")
            ),
            "CREATE TABLE more.alembic_version AS SELECT * FROM team.alembic_version",
        )
        with pytest.raises(SchemaError, match=r"\A[^\n]*\(more, team\): name one[^\n]*\Z"):
            open_optuna(opened)
    with open_database(parse_address(database.address(TEAM))) as opened:
        assert read_study(opened, STUDY).counts.finished == 2


def test_a_role_without_rights_in_public_gets_its_own_schema(
    database: Any, tmp_path: Path
) -> None:
    other = f"{database.owner}_other"
    password = database.passfile.read_text().strip().rpartition(":")[2]
    database.execute(
        f"CREATE ROLE {other} LOGIN PASSWORD '{password}'",
        f"GRANT CREATE ON DATABASE {database.name} TO {other}",
    )
    address = database.address(TEAM).replace(f"{database.owner}@", f"{other}@")
    with open_database(parse_address(database.address())) as opened:
        run(opened, "DROP SCHEMA umss CASCADE")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: open_once(address), range(4))) == {"umss_optuna"}
    assert run_search(address, tmp_path, trials=2) is Ending.FINISHED
    assert schemas_of_optuna(address) == ["umss_optuna"]


def open_once(address: str) -> str | None:
    with open_database(parse_address(address)) as opened:
        open_optuna(opened).engine.dispose()
        return opened.optuna_schema


def test_reading_a_database_without_tables_is_refused(database: Any) -> None:
    with (
        open_database(parse_address(database.address(TEAM)), read_only=True) as opened,
        pytest.raises(NotPermitted, match=r"\A[^\n]*read-only transaction[^\n]*\Z"),
    ):
        open_optuna(opened)
