"""PgBouncer between us and the server: a search is guarded in transaction mode as well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from search.commands.app import app
from search.driver.driver import Ending
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, check_room, inspect_database, open_database
from storage.errors import ConnectError, LeaseLost, NotPermitted
from storage.fence import fence
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import create_study, list_studies
from tests.fakes.search_process import STUDY, new_study, run_search

ONE_LINE = r"\A[^\n]*\Z"
WANTED = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "15s",
    "TimeZone": "UTC",
    "transaction_read_only": "off",
}


@pytest.fixture
def pooled(owned_database: Any, start_pooler: Callable[[str], int]) -> str:
    """Address of the test's database through PgBouncer in transaction mode."""
    return str(owned_database.address(port=start_pooler("transaction")))


def settings(database: Database, *, of: Any = None) -> dict[str, str]:
    with (of or database.engine).connect() as connection:
        return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in WANTED}


def test_a_search_runs_to_its_end_through_a_pooler(pooled: str, tmp_path: Path) -> None:
    assert run_search(pooled, tmp_path, trials=6) is Ending.FINISHED
    with open_database(parse_address(pooled)) as database:
        assert read_study(database, STUDY).counts.finished == 6
    result = CliRunner().invoke(app, ["list", "--storage", pooled])
    assert result.exit_code == 0 and "6 of 6" in result.stdout


def test_the_time_outs_hold_in_every_transaction_of_every_engine(pooled: str) -> None:
    with open_database(parse_address(pooled)) as database:
        storage = open_optuna(database)
        lease = database.make_engine(name="lease")
        for engine in (database.engine, storage.engine, lease):
            for _ in range(3):
                assert settings(database, of=engine) == WANTED
        for engine in (storage.engine, lease):
            engine.dispose()


def test_the_servers_sessions_are_left_as_they_were(pooled: str) -> None:
    with open_database(parse_address(pooled), read_only=False) as database:
        settings(database)
        stranger = psycopg2.connect(pooled)  # is given the session that was just used
        with stranger, stranger.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)
        stranger.close()


def test_reading_alone_holds_through_a_pooler(pooled: str) -> None:
    with open_database(parse_address(pooled)) as database:
        create_study(database.engine, "before", new_study(1))
        open_optuna(database).engine.dispose()
    with open_database(parse_address(pooled), read_only=True) as reader:
        assert [record.name for record in list_studies(reader.engine)] == ["before"]
        with pytest.raises(NotPermitted, match="read-only transaction"):
            create_study(reader.engine, "other", new_study(1))
        with pytest.raises(NotPermitted, match="read-only transaction"):
            open_optuna(reader).create_new_study([], "other")
        for undo in ("SET TRANSACTION READ WRITE", "SET transaction_read_only = off"):
            with pytest.raises(Exception, match="read-write mode"), reader.engine.begin() as tried:
                tried.exec_driver_sql(undo)
        alone = reader.engine.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(NotPermitted, match=ONE_LINE), alone.connect() as connection:
            connection.execute(text("CREATE TABLE public.mine (x int)"))


def test_a_lost_lease_is_noticed_before_a_commit(pooled: str) -> None:
    with open_database(parse_address(pooled)) as database, Lease.acquire(database, "s") as first:
        fence(database.engine, first)
        with (
            open_database(parse_address(pooled)) as other,
            Lease.acquire(other, "s", time_to_live=0.0),
            pytest.raises(LeaseLost, match=ONE_LINE),
            database.engine.begin() as connection,
        ):
            connection.execute(text("CREATE TABLE public.written (line text)"))
        assert first.lost


def test_room_for_a_search_is_found_through_a_pooler(pooled: str) -> None:
    with open_database(parse_address(pooled)) as database:
        check_room(database)
    assert inspect_database(parse_address(pooled)).server.startswith("15.")


def test_a_refusal_of_the_pooler_is_one_line_with_the_fix(
    owned_database: Any, start_pooler: Callable[[str], int]
) -> None:
    port = start_pooler("statement")
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        open_database(parse_address(owned_database.address(port=port)))
    assert "PgBouncer must pool transactions or sessions" in str(caught.value)
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        given = owned_database.address("&options=-csearch_path%3Dteam", port=port)
        open_database(parse_address(given))
    assert "unsupported startup parameter: options; leave that out" in str(caught.value)
