"""A real PostgreSQL for every integration test: one server a session, one database a test."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database, open_database
from storage.embedded import EmbeddedServer
from storage.optuna_store import open_optuna

TEMPLATE = "umss_template"


@pytest.fixture(scope="session")
def embedded_root() -> Iterator[Path]:
    """Folder of a running embedded server: ``--storage embedded:ROOT`` joins it."""
    # Not under tmp_path: the account that root's server runs under may not enter that.
    root = Path(tempfile.mkdtemp(prefix="umss-", dir="/tmp"))
    server = EmbeddedServer.join(root)
    yield root
    server.leave()
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def _template(embedded_root: Path) -> Iterator[Database]:
    with open_database(parse_address(f"embedded:{embedded_root}")) as server:
        _run(server, f"CREATE DATABASE {TEMPLATE}")
        with open_database(parse_address(_address(embedded_root, TEMPLATE))) as template:
            open_optuna(template).engine.dispose()
        yield server


_numbers = itertools.count()


@pytest.fixture
def empty_database_address(_template: Database, embedded_root: Path) -> Iterator[str]:
    """Address of a database of the test's own in which there are no tables yet."""
    yield from _fresh(_template, embedded_root, template="template0")


@pytest.fixture
def database_address(_template: Database, embedded_root: Path) -> Iterator[str]:
    """Address of a database of the test's own, with all tables and nothing in them."""
    yield from _fresh(_template, embedded_root, template=TEMPLATE)


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """An open database of the test's own."""
    with open_database(parse_address(database_address)) as opened:
        yield opened


def _fresh(server: Database, root: Path, *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _address(root, name)
    _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _address(root: Path, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={root}"


def _run(server: Database, statement: str) -> None:
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
