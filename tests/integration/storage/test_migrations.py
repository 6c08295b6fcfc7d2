"""Our tables of every earlier version are migrated with their content."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, Connection, MetaData, Table, select, text
from sqlalchemy.schema import CreateSchema

from storage import schema
from storage.address import parse_address
from storage.database import Database, open_database
from storage.engines import make_engine
from storage.models import SCHEMA, Base
from storage.schema import known_versions, schema_versions
from storage.studies import list_studies

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def at_version(address: str, version: str) -> dict[str, list[Any]]:
    """Make the tables of a version, with a row in each; returns the rows by table."""
    parsed = parse_address(address)
    engine = make_engine(parsed.url(host=None), name="test")
    with engine.begin() as connection:
        connection.execute(CreateSchema(SCHEMA))
        command.upgrade(schema._config(connection), version)
        rows = {table.name: fill(connection, table) for table in reflected(connection)}
    engine.dispose()
    return rows


def reflected(connection: Connection) -> list[Table]:
    """The tables as the database has them, those that others refer to first."""
    found = MetaData(schema=SCHEMA)
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(connection: Connection, table: Table) -> list[Any]:
    connection.execute(table.insert().values({column.name: made(column) for column in table.c}))
    return [dict(row._mapping) for row in connection.execute(select(table))]


def made(column: Any) -> Any:
    if isinstance(column.type, JSON):
        return {"b": [1, None], "a": 0.1}
    kind = column.type.python_type
    return {str: "s", int: 1, bool: True, float: 0.5, datetime.datetime: NOW}[kind]


def rows_now(database: Database) -> dict[str, list[Any]]:
    with database.engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))]
            for table in reflected(connection)
        }


def check_kept(before: dict[str, list[Any]], database: Database) -> None:
    after = rows_now(database)
    for table, (row,) in before.items():
        (kept,) = after[table]
        assert {key: kept[key] for key in row} == row, table


@pytest.mark.parametrize("version", known_versions())
def test_tables_of_every_version_are_brought_up_to_date(
    version: str, empty_database_address: str
) -> None:
    before = at_version(empty_database_address, version)
    assert before
    with open_database(parse_address(empty_database_address)) as database:
        with database.engine.connect() as connection:
            found, newest = schema_versions(connection)
        assert found == newest == known_versions()[-1]
        check_kept(before, database)
        assert [study.name for study in list_studies(database.engine)] == ["s"]
        assert {f"{SCHEMA}.{name}" for name in rows_now(database)} == {*Base.metadata.tables}


STEP = '''"""A later step."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", {after!r}, None, None


def upgrade():
    op.add_column("study", sa.Column("later", sa.Text(), server_default="x"), schema="umss")
    {then}
'''


@pytest.fixture
def later_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a step after the newest, to the steps that this process knows."""

    def add(then: str) -> None:
        steps = tmp_path / "migrations"
        shutil.copytree(schema.MIGRATIONS, steps, ignore=shutil.ignore_patterns("__pycache__"))
        text_of = STEP.format(after=known_versions()[-1], then=then)
        (steps / "versions" / "9999_later.py").write_text(text_of)
        monkeypatch.setattr(schema, "MIGRATIONS", steps)

    return add


def test_a_later_step_keeps_existing_data(empty_database_address: str, later_step: Any) -> None:
    before = at_version(empty_database_address, known_versions()[-1])
    later_step("pass")
    with open_database(parse_address(empty_database_address)) as database:
        check_kept(before, database)
        assert rows_now(database)["study"][0]["later"] == "x"


def test_a_step_that_breaks_changes_nothing(empty_database_address: str, later_step: Any) -> None:
    newest = known_versions()[-1]
    before = at_version(empty_database_address, newest)
    later_step("raise RuntimeError('half way')")
    with pytest.raises(RuntimeError, match="half way"):
        open_database(parse_address(empty_database_address))
    engine = make_engine(parse_address(empty_database_address).url(host=None), name="test")
    with engine.connect() as connection:
        version = text(f"SELECT version_num FROM {SCHEMA}.alembic_version")
        assert connection.execute(version).scalars().all() == [newest]
        for table in reflected(connection):
            found = [dict(row._mapping) for row in connection.execute(select(table))]
            assert found == before[table.name]
    engine.dispose()
