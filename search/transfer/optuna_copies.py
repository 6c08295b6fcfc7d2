"""Copies of a study for Optuna's own tools: a SQLite file, or a study in memory."""

import contextlib
import errno
import sqlite3
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage

from search.transfer.moving import read_snapshot, store_study
from search.transfer.new_file import new_file
from search.transfer.study_file import OptunaStudy, StudyFile
from storage.database import Database

__all__ = ["copy_in_memory", "export_sqlite"]

#: For a study that no driver has run yet.
EMPTY = OptunaStudy(directions=("MAXIMIZE",), user_attrs={}, system_attrs={})
#: Columns of the study's row that a copy has as user attributes.
ORIGIN = ("config", "space", "seed", "versions", "revision", "fingerprints")


def copy_in_memory(database: Database, name: str) -> optuna.Study:
    """A snapshot of a study in memory, with notes and attributes.

    Raises:
        UnknownStudy: If there is no study of that name.
    """
    storage = InMemoryStorage()
    _copy(storage, name, read_snapshot(database, name))
    return optuna.load_study(study_name=name, storage=storage)


def export_sqlite(database: Database, name: str, path: Path) -> StudyFile:
    """Write a snapshot of a study to a new SQLite file, which Optuna and its dashboard open.

    Raises:
        UnknownStudy: If there is no study of that name.
        StudyFileError: If the file exists or cannot be written.
    """
    content = read_snapshot(database, name)
    with new_file(path) as partial:
        _write_sqlite(name, content, partial)
    return content


def _write_sqlite(name: str, content: StudyFile, path: Path) -> None:
    """Fill a database in memory, and save it at once."""
    storage = RDBStorage("sqlite://")
    try:
        _copy(storage, name, content)
        storage.remove_session()
        memory = storage.engine.raw_connection()
        assert isinstance(memory.driver_connection, sqlite3.Connection)
        try:
            with contextlib.closing(sqlite3.connect(path)) as file:
                memory.driver_connection.backup(file)
        except sqlite3.OperationalError as error:  # of the file: all else happens in memory
            raise OSError(errno.ENOSPC, str(error)) from error
        memory.close()
    finally:
        storage.engine.dispose()


def _copy(storage: BaseStorage, name: str, content: StudyFile) -> None:
    study = store_study(storage, name, content.optuna or EMPTY, content.trials)
    for key, value in _origin(content).items():
        storage.set_study_user_attr(study, key, value)


def _origin(content: StudyFile) -> dict[str, Any]:
    """What the study depends on, which this project keeps outside of Optuna's tables."""
    (row,) = content.rows["study"]
    return {key: row[key] for key in ORIGIN}
