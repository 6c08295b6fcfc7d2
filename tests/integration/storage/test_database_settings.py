"""Settings of a database or role, made for other uses, change nothing that a search stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from search.driver.driver import Ending
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import ConnectError, SchemaError
from tests.fakes.search_process import STUDY, run_search
from tests.integration.conftest import run_alone

SETTINGS = {
    "extra_float_digits": "-15",
    "default_transaction_isolation": "serializable",
    "datestyle": "German, DMY",
    "timezone": "Asia/Tokyo",
    "idle_session_timeout": "100ms",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
}
TRIALS = 6


def set_for_all(database: Database, name: str, value: str) -> None:
    """Give a database a setting, with which every further connection to it begins."""
    with database.engine.connect() as connection:
        own = connection.execute(text("SELECT current_database()")).scalar_one()
    run_alone(database, f"ALTER DATABASE {own} SET {name} = '{value}'")


def values(address: str, folder: Path) -> list[object]:
    """Parameters and values of the trials of a search."""
    assert run_search(address, folder, trials=TRIALS) is Ending.FINISHED
    with open_database(parse_address(address)) as database:
        trials = read_study(database, STUDY).trials
    return [(trial.params, trial.value, trial.state) for trial in trials]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, embedded_root: Path) -> Iterator[list[object]]:
    """What a search stores in a database without settings."""
    with open_database(parse_address(f"embedded:{embedded_root}")) as server:
        run_alone(server, "CREATE DATABASE usual")
        address = f"postgresql://postgres@/usual?host={embedded_root}"
        yield values(address, tmp_path_factory.mktemp("usual"))
        run_alone(server, "DROP DATABASE usual WITH (FORCE)")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_nothing(
    name: str, usual: list[object], database_address: str, tmp_path: Path
) -> None:
    with open_database(parse_address(database_address)) as database:
        set_for_all(database, name, SETTINGS[name])

    assert values(database_address, tmp_path) == usual


def test_a_limit_for_statements_does_not_hold(database_address: str) -> None:
    with open_database(parse_address(database_address)) as database:
        set_for_all(database, "statement_timeout", "1s")
    with open_database(parse_address(database_address)) as database:
        with database.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(1.2)"))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_holds_every_character_or_is_refused(
    encoding: str, embedded_root: Path
) -> None:
    address = parse_address(f"postgresql://postgres@/other_encoding?host={embedded_root}")
    with open_database(parse_address(f"embedded:{embedded_root}")) as server:
        run_alone(
            server,
            f"CREATE DATABASE other_encoding ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0",
        )
        try:
            if encoding == "LATIN1":
                with pytest.raises(ConnectError, match=r"stores text as LATIN1.*ENCODING 'UTF8'"):
                    open_database(address)
                return
            with open_database(address) as database, database.engine.begin() as connection:
                assert connection.execute(text("SELECT 'Räume → 部屋'")).scalar_one() == (
                    "Räume → 部屋"
                )
        finally:
            run_alone(server, "DROP DATABASE other_encoding WITH (FORCE)")


def test_a_database_that_takes_no_writes_is_refused_with_the_fix(
    empty_database_address: str,
) -> None:
    with open_database(parse_address(empty_database_address)) as database:
        run_alone(database, "DROP SCHEMA umss CASCADE")
        set_for_all(database, "default_transaction_read_only", "on")
    with pytest.raises(SchemaError, match=r"read-only transaction.*a server that takes writes"):
        open_database(parse_address(empty_database_address))
