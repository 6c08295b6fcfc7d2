"""Reads all rows of a study from our tables as plain data, and writes them back."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table, func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError

from storage.errors import NameTaken
from storage.models import LeaseHistoryRow, LeaseRow, ReportRow, StudyRow
from storage.studies import check_name, get_study

__all__ = ["TABLES", "Rows", "read_rows", "write_rows"]

#: Rows by table; each row maps columns to JSON values, with times as ISO 8601 texts.
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

#: The tables of a study, in the order in which rows can be stored.
TABLES: Mapping[str, Table] = {
    row.__tablename__: row.metadata.tables[f"{row.metadata.schema}.{row.__tablename__}"]
    for row in (StudyRow, LeaseRow, LeaseHistoryRow, ReportRow)
}


def read_rows(connection: Connection, study: str) -> Rows:
    """All rows of a study, ordered by primary key in each table.

    Raises:
        UnknownStudy: If no study has the name.
    """
    get_study(connection, study)
    return {
        name: [
            {key: _to_plain(value) for key, value in row._mapping.items()}
            for row in connection.execute(
                select(table).where(_key(table) == study).order_by(*table.primary_key)
            )
        ]
        for name, table in TABLES.items()
    }


def write_rows(connection: Connection, rows: Rows) -> str:
    """Store a study under its own name, with a released lease; returns the name.

    Epochs continue from the highest one in the rows and in the database.

    Raises:
        NameTaken: If a study with that name exists.
        StudyNameError: If the name is not allowed.
        KeyError, TypeError, ValueError: If the rows belong to several studies, or are invalid. The
            transaction cannot be used afterwards.
    """
    (study,) = rows["study"]
    name = check_name(study["name"])
    for table, kept in rows.items():
        if any(row[_key(TABLES[table]).name] != name for row in kept):
            raise ValueError(f"a row of {table} belongs to another study")
    try:
        _write_tables(connection, study, rows)
    except StatementError as error:  # a rule of the database, or a value of another type
        raise ValueError(str(error.orig).strip().splitlines()[0]) from error
    return name


def _write_tables(connection: Connection, study: Mapping[str, Any], rows: Rows) -> None:
    _write_study(connection, study)
    for lease in rows["lease"]:
        _write_lease(connection, lease)
    history = postgresql.insert(LeaseHistoryRow).on_conflict_do_nothing()
    _write_all(connection, history, TABLES["lease_history"], rows["lease_history"])
    _write_all(connection, insert(ReportRow), TABLES["report"], rows["report"])


def _write_study(connection: Connection, row: Mapping[str, Any]) -> None:
    values = {**_from_plain(TABLES["study"], row), "stop_requested": False}
    statement = postgresql.insert(TABLES["study"]).values(values).on_conflict_do_nothing()
    if connection.execute(statement.returning(StudyRow.name)).one_or_none() is None:
        raise NameTaken(
            f"there is already a study {values['name']!r}: nothing was imported; give --storage"
            " another database"
        )


def _write_all(
    connection: Connection, statement: Insert, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    if rows:
        connection.execute(statement, [_from_plain(table, row) for row in rows])


def _write_lease(connection: Connection, row: Mapping[str, Any]) -> None:
    values = _from_plain(TABLES["lease"], row)
    values["released_at"] = values["released_at"] or func.clock_timestamp()
    statement = postgresql.insert(LeaseRow).values(values)
    epoch = func.greatest(LeaseRow.epoch, statement.excluded.epoch)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["study"], set_={"epoch": epoch})
    )


def _key(table: Table) -> Any:
    """The column that names the study."""
    return table.c.name if table.name == "study" else table.c.study


def _to_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.datetime) else value


def _from_plain(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values for its table's columns; columns that the row lacks are left out."""
    unknown = row.keys() - table.columns.keys()
    if unknown:
        raise ValueError(f"{table.name} has no column {sorted(unknown)[0]!r}")
    values = {}
    for key, value in row.items():
        is_time = table.c[key].type.python_type is datetime.datetime
        values[key] = datetime.datetime.fromisoformat(value) if is_time and value else value
    return values
