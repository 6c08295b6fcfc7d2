"""How many connections a search needs, and several hosts in one address."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import resolve
from search.doctor.database import check_database
from search.doctor.subject import Subject
from search.driver.driver import Ending
from storage.address import parse_address
from storage.database import SEARCH_CONNECTIONS, inspect_database, open_database
from storage.errors import ConnectError
from storage.optuna_store import open_optuna
from storage.studies import list_studies
from tests.fakes.search_process import run_search
from tests.fakes.subject import local_subject

ONE_LINE = r"\A[^\n]*\Z"
TINY = """
[data.options]
train = 4
val = 2
test = 2
size = 64
"""


@pytest.fixture
def limited(owned_database: Any) -> Callable[[int], str]:
    """Gives the address of a database with all tables, whose owner has a connection limit."""
    with open_database(parse_address(owned_database.address())) as database:
        open_optuna(database).engine.dispose()

    def limit(connections: int) -> str:
        wait_until_free(owned_database)
        owned_database.execute(f"ALTER ROLE {owned_database.owner} CONNECTION LIMIT {connections}")
        return str(owned_database.address())

    return limit


@pytest.fixture
def subject(owned_database: Any, tmp_path: Path) -> Subject:
    """The environment that the doctor examines."""
    return local_subject(tmp_path, resolve("rooms", None, {}), address=owned_database.address())


def wait_until_free(owned_database: Any) -> None:
    """A connection that was closed counts until the server has noticed."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE usename = :name")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with owned_database.superuser.engine.connect() as connection:
            if not connection.execute(query, {"name": owned_database.owner}).scalar_one():
                return
        time.sleep(0.05)


def test_a_search_does_with_the_connections_that_are_documented(
    limited: Callable[[int], str], tmp_path: Path
) -> None:
    assert run_search(limited(SEARCH_CONNECTIONS), tmp_path, trials=4) is Ending.FINISHED
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    assert f"needs {SEARCH_CONNECTIONS} connections at a time" in page


def test_too_few_are_refused_before_a_study_is_made(
    limited: Callable[[int], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))
    (tmp_path / "tiny.toml").write_text(TINY)
    address = limited(SEARCH_CONNECTIONS - 1)
    result = CliRunner().invoke(
        app,
        [
            "launch", "--config", str(tmp_path / "tiny.toml"), "--storage", address,
            "--cache", str(tmp_path / "cache"), "--checkpoints", str(tmp_path / "checkpoints"),
        ],
    )  # fmt: skip
    assert result.exit_code == 2
    assert "a search needs 3 connections" in result.stderr and "got 2" in result.stderr
    assert "too many connections" in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()
    with open_database(parse_address(limited(SEARCH_CONNECTIONS))) as database:
        assert list_studies(database.engine) == ()


def test_the_doctor_counts_them(limited: Callable[[int], str], subject: Subject) -> None:
    address = parse_address(limited(SEARCH_CONNECTIONS - 1))
    check = check_database(dataclasses.replace(subject, address=address))
    assert check.state == "failed" and "needs 3 connections" in check.found
    limited(SEARCH_CONNECTIONS)
    check = check_database(dataclasses.replace(subject, address=address))
    assert check.state == "ok" and "room for the 3 connections" in check.found


def test_a_limit_of_connections_that_is_too_small_is_one_line(
    limited: Callable[[int], str],
) -> None:
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        inspect_database(parse_address(limited(0)))
    assert "too many connections" in str(caught.value) and "raise the limit" in str(caught.value)


@pytest.mark.parametrize(
    "hosts",
    [
        "127.0.0.1:1,127.0.0.1:{port}/{name}?target_session_attrs=read-write",
        "/{name}?host=127.0.0.1,127.0.0.1&port=1,{port}&target_session_attrs=read-write",
        "/{name}?host=127.0.0.1:1&host=127.0.0.1:{port}",
    ],
)
def test_the_host_that_answers_is_used(owned_database: Any, hosts: str, tmp_path: Path) -> None:
    place = hosts.format(port=owned_database.port, name=owned_database.name)
    address = f"postgresql://{owned_database.owner}@{place}&passfile={owned_database.passfile}"
    assert run_search(address, tmp_path, trials=2) is Ending.FINISHED
    again = str(parse_address(address)).replace(":***@", "@")
    assert "2 of 2" in CliRunner().invoke(app, ["list", "--storage", again]).stdout


def test_a_read_only_server_is_refused_where_a_writable_one_is_required(
    owned_database: Any,
) -> None:
    owned_database.execute(
        f"ALTER ROLE {owned_database.owner} SET default_transaction_read_only = on"
    )
    address = owned_database.address("&target_session_attrs=read-write")
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(parse_address(address))
    assert "session is read-only; give the server that takes writes" in str(caught.value)
