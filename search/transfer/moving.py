"""Export a study from one database to a file, and import it into another database."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from search.errors import StudyFileError
from search.transfer.study_file import OptunaStudy, StudyFile, read_study_file, write_study_file
from storage.database import Database
from storage.errors import NameTaken
from storage.optuna_store import one_transaction
from storage.schema import known_versions
from storage.study_copy import read_rows, write_rows
from storage.whole_trials import add_whole_trials

__all__ = ["export_study", "import_study", "read_snapshot", "store_study"]

#: Keys of optuna-dashboard that contain the id of a trial, such as ``dashboard:17:note_ver``.
NAMES_TRIAL = re.compile(r"(dashboard:(?:artifacts:)?)(\d+)(:.*)", re.DOTALL)
#: The same keys in a file, where they contain the number of the trial.
NAMES_NUMBER = re.compile(r"(dashboard:(?:artifacts:)?)#(\d+)(:.*)", re.DOTALL)


def export_study(database: Database, name: str, path: Path) -> StudyFile:
    """Write a snapshot of a study, even while a process drives it.

    Raises:
        UnknownStudy: If there is no study of that name.
        StudyFileError: If the file exists or cannot be written.
    """
    content = read_snapshot(database, name)
    write_study_file(path, content)
    return content


def read_snapshot(database: Database, name: str) -> StudyFile:
    """Everything that is stored about a study at this moment.

    Raises:
        UnknownStudy: If there is no study of that name.
    """
    with one_transaction(database, snapshot=True) as (connection, storage):
        rows = read_rows(connection, name)
        stored = {study.study_name: study._study_id for study in storage.get_all_studies()}
        study = stored.get(name)
        trials = [] if study is None else _trials(storage, study)
        optuna = None if study is None else _optuna_study(storage, study, trials)
    return StudyFile(schema=known_versions()[-1], rows=rows, optuna=optuna, trials=trials)


def import_study(database: Database, path: Path) -> tuple[str, StudyFile]:
    """Store the study of a file, completely or not at all.

    Returns:
        The name of the study, and the content of the file.

    Raises:
        StudyFileError: If the file is damaged, was written by a newer version, or is not an
            exported study.
        NameTaken: If the database already has a study of that name.
    """
    content = read_study_file(path, known_schemas=known_versions())
    try:
        with one_transaction(database) as (connection, storage):
            name = write_rows(connection, content.rows)
            if content.optuna is not None:
                store_study(storage, name, content.optuna, content.trials)
    except DuplicatedStudyError as error:
        raise NameTaken(
            f"the database already has an Optuna study named {name!r}, so nothing was imported:"
            " give --storage another database"
        ) from error
    except (KeyError, TypeError, ValueError, StorageInternalError) as error:
        raise StudyFileError(
            f"{path} does not contain exactly one complete study ({error}), so nothing was"
            " imported: export it again"
        ) from error
    return name, content


def _trials(storage: BaseStorage, study: int) -> list[FrozenTrial]:
    trials = storage.get_all_trials(study, deepcopy=True)
    return sorted(trials, key=lambda trial: trial.number)


def _optuna_study(storage: BaseStorage, study: int, trials: list[FrozenTrial]) -> OptunaStudy:
    numbers = {trial._trial_id: f"#{trial.number}" for trial in trials}
    return OptunaStudy(
        directions=[direction.name for direction in storage.get_study_directions(study)],
        user_attrs=storage.get_study_user_attrs(study),
        system_attrs=_renamed(storage.get_study_system_attrs(study), NAMES_TRIAL, numbers),
    )


def store_study(
    storage: BaseStorage, name: str, optuna: OptunaStudy, trials: Sequence[FrozenTrial]
) -> int:
    """Store a study with its trials; returns its id.

    Unlike ``optuna.copy_study``, it keeps the dashboard's notes and artifacts with their trials,
    which have other ids in each storage.

    Raises:
        DuplicatedStudyError: If the storage has a study of that name.
    """
    directions = [StudyDirection[direction] for direction in optuna.directions]
    study = storage.create_new_study(directions, name)
    if isinstance(storage, RDBStorage):
        ids = add_whole_trials(storage, study, trials)
    else:
        ids = [storage.create_new_trial(study, trial) for trial in trials]
    names = {trial.number: str(each) for trial, each in zip(trials, ids, strict=True)}
    for key, value in optuna.user_attrs.items():
        storage.set_study_user_attr(study, key, value)
    for key, value in _renamed(optuna.system_attrs, NAMES_NUMBER, names).items():
        storage.set_study_system_attr(study, key, value)
    return study


def _renamed(
    attributes: Mapping[str, Any], pattern: re.Pattern[str], names: Mapping[int, str]
) -> dict[str, Any]:
    """Replace the trials in the keys of attributes; drop keys of unknown trials."""
    renamed = {}
    for key, value in attributes.items():
        found = pattern.fullmatch(key)
        if found is None:
            renamed[key] = value
        elif int(found[2]) in names:
            renamed[f"{found[1]}{names[int(found[2])]}{found[3]}"] = value
    return renamed
