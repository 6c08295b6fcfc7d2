"""Whose the Optuna study of a name is: checked before anything is written, claimed at once.

A study is a row of our own tables and a study in Optuna's, of the same name. The latter bears
a mark, by which it is told from one that somebody else made under that name.
"""

import contextlib
import datetime

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from sqlalchemy import Connection

from search.errors import StudyError
from storage.database import Database
from storage.errors import NameTaken
from storage.optuna_schema import MARK_ATTRIBUTE
from storage.optuna_store import one_transaction, open_optuna
from storage.reports import reports_of
from storage.studies import NewStudy, StudyRecord, create_study, next_name

__all__ = ["check_origin", "claim", "create", "create_next", "mark_of"]


def mark_of(record: StudyRecord) -> str:
    """What the Optuna study of a study of ours is marked with."""
    return record.created_at.astimezone(datetime.UTC).isoformat()


def check_origin(database: Database, name: str, record: StudyRecord | None) -> bool:
    """Refuse a name under which somebody else has an Optuna study; nothing is written.

    Args:
        database: Where to look.
        name: The study's name.
        record: The study of ours; None if it is yet to be created.

    Returns:
        Whether the Optuna study of ours is there.

    Raises:
        StudyError: If there is such a study, or the one of ours was deleted.
    """
    storage = open_optuna(database)
    try:
        found = _find(storage, name)
        if found is not None:
            _check(storage, found, name, record)
        elif record is not None:
            with database.engine.connect() as connection:
                _check_not_deleted(connection, name)
        return found is not None
    finally:
        storage.engine.dispose()


def claim(database: Database, record: StudyRecord) -> None:
    """Have an Optuna study for a study of ours: the one that bears its mark, or a new one.

    Raises:
        StudyError: If somebody else has one of that name, or the one of ours was deleted.
    """
    if not check_origin(database, record.name, record):
        with one_transaction(database) as (_, storage):
            _make(storage, record)


def create(database: Database, name: str, new: NewStudy) -> StudyRecord:
    """Create a study in our tables and in Optuna's, in one transaction.

    Raises:
        NameTaken: If there is one of ours of that name.
        StudyError: If somebody else has one of that name in Optuna's tables.
    """
    with one_transaction(database) as (connection, storage):
        record = create_study(connection, name, new)
        found = _find(storage, name)
        if found is not None:
            _check(storage, found, name, None)
        _make(storage, record)
        return record


def create_next(database: Database, title: str, new: NewStudy) -> StudyRecord:
    """Create a study under the next name of a title that nobody has, whoever else does so."""
    while True:
        name = next_name(database.engine, title, besides=_optuna_names(database))
        with contextlib.suppress(NameTaken):  # somebody was quicker: the next number
            return create(database, name, new)


def _optuna_names(database: Database) -> list[str]:
    storage = open_optuna(database)
    try:
        return [study.study_name for study in storage.get_all_studies()]
    finally:
        storage.engine.dispose()


def _find(storage: BaseStorage, name: str) -> int | None:
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return None


def _make(storage: BaseStorage, record: StudyRecord) -> None:
    try:
        study = storage.create_new_study([StudyDirection.MAXIMIZE], record.name)
    except DuplicatedStudyError as error:
        raise StudyError(
            f"somebody else made an Optuna study named {record.name!r} just now: give --study"
            " another name"
        ) from error
    storage.set_study_system_attr(study, MARK_ATTRIBUTE, mark_of(record))


def _check(storage: BaseStorage, study: int, name: str, record: StudyRecord | None) -> None:
    mark = storage.get_study_system_attrs(study).get(MARK_ATTRIBUTE)
    directions = storage.get_study_directions(study)
    if record is not None and mark == mark_of(record) and directions == [StudyDirection.MAXIMIZE]:
        return
    shown = ", ".join(direction.name for direction in directions)
    count = storage.get_n_trials(study)
    raise StudyError(
        f"the database holds an Optuna study named {name!r} that is not of this search"
        f" ({shown}, {count} trials): give --study another name, or delete that study"
    )


def _check_not_deleted(connection: Connection, name: str) -> None:
    if reports_of(connection, study=name):
        raise StudyError(
            f"the trials of study {name!r} were deleted from the database:"
            " give --study another name"
        )
