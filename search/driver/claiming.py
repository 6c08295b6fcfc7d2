"""Makes sure that the Optuna study with a given name belongs to this program.

A study is a row in our own tables and a study in Optuna's tables with the same name. Ours carries
a mark that distinguishes it from an Optuna study that somebody else created under that name.
"""

import contextlib
import datetime
from collections.abc import Sequence

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy import Connection

from search.errors import StudyError
from search.objectives import objective_title
from storage.database import Database
from storage.errors import NameTaken
from storage.optuna_schema import MARK_ATTRIBUTE
from storage.optuna_store import one_transaction, open_optuna
from storage.reports import reports_of
from storage.studies import NewStudy, StudyRecord, create_study, next_name
from storage.whole_trials import add_whole_trials

__all__ = ["check_origin", "claim", "create", "create_next", "mark_of"]

#: System attribute in which Optuna stores the names of a study's values.
METRIC_NAMES_ATTRIBUTE = "study:metric_names"


def mark_of(record: StudyRecord) -> str:
    """The mark of a study in Optuna's tables: when the study was created."""
    return record.created_at.astimezone(datetime.UTC).isoformat()


def check_origin(database: Database, name: str, record: StudyRecord | None) -> bool:
    """Refuse a name that an Optuna study of somebody else has; nothing is written.

    Args:
        database: The database to search.
        name: The study's name.
        record: Our record of the study; None if it has not been created yet.

    Returns:
        Whether our study exists in Optuna's tables.

    Raises:
        StudyError: If somebody else's study has the name, or ours was deleted.
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
    """Create the Optuna study that belongs to our record, unless it exists.

    Raises:
        StudyError: If somebody else's study has the name, or ours was deleted.
    """
    if not check_origin(database, record.name, record):
        with one_transaction(database) as (_, storage):
            _make(storage, record)


def create(
    database: Database, name: str, new: NewStudy, queued: Sequence[FrozenTrial] = ()
) -> StudyRecord:
    """Create a study in our tables and in Optuna's, in one transaction.

    Args:
        database: The database.
        name: The study's name.
        new: Its settings.
        queued: Its first trials, which wait to be run.

    Raises:
        NameTaken: If our tables already hold a study with that name.
        StudyError: If somebody else's study has the name in Optuna's tables.
    """
    with one_transaction(database) as (connection, storage):
        record = create_study(connection, name, new)
        found = _find(storage, name)
        if found is not None:
            _check(storage, found, name, None)
        _make(storage, record)
        if queued:
            add_whole_trials(storage, storage.get_study_id_from_name(name), queued)
        return record


def create_next(
    database: Database, title: str, new: NewStudy, queued: Sequence[FrozenTrial] = ()
) -> StudyRecord:
    """Create a study under the next free name ``TITLE-N``, even while others create studies."""
    while True:
        name = next_name(database.engine, title, besides=_optuna_names(database))
        with contextlib.suppress(NameTaken):  # another process took it first: try the next number
            return create(database, name, new, queued)


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
            f"somebody else has just created an Optuna study named {record.name!r}: give --study"
            " another name"
        ) from error
    storage.set_study_system_attr(study, MARK_ATTRIBUTE, mark_of(record))
    # What Study.set_metric_names stores; that needs a study that no transaction holds back.
    titles = [objective_title(record.config)]
    storage.set_study_system_attr(study, METRIC_NAMES_ATTRIBUTE, titles)


def _check(storage: BaseStorage, study: int, name: str, record: StudyRecord | None) -> None:
    mark = storage.get_study_system_attrs(study).get(MARK_ATTRIBUTE)
    directions = storage.get_study_directions(study)
    if record is not None and mark == mark_of(record) and directions == [StudyDirection.MAXIMIZE]:
        return
    shown = ", ".join(direction.name for direction in directions)
    count = storage.get_n_trials(study)
    raise StudyError(
        f"the database holds an Optuna study named {name!r} that this program did not create"
        f" ({shown}, {count} trials): give --study another name, or delete that study"
    )


def _check_not_deleted(connection: Connection, name: str) -> None:
    if reports_of(connection, study=name):
        raise StudyError(
            f"the trials of study {name!r} were deleted from the database:"
            " give --study another name"
        )
