"""SQLite files of Optuna: those of ``export``, and any other study with one value to maximise."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import SQLAlchemyError

from search.errors import StudyFileError
from search.objectives import objective_name
from search.transfer.trial_files.found_trial import Looked, TrialFile
from search.transfer.trial_files.optuna_trials import of_optuna

__all__ = ["read_sqlite"]

#: The first bytes of each SQLite file.
MAGIC = b"SQLite format 3\0"


def read_sqlite(path: Path, looked: Looked) -> TrialFile:
    """Read a study; the file is not changed.

    Raises:
        StudyFileError: If it is no such file, holds several studies and none is named, or the
            study does not maximise one value.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise StudyFileError(f"{path} is not a SQLite file: give a study of Optuna's")
    try:
        with _opened(path) as storage:
            study = _study(path, storage, looked.study)
            objective = _objective(study.user_attrs)
            return of_optuna(
                study.get_trials(deepcopy=False),
                study=None if objective is None else study.study_name,
                objective=objective,
                config=None if objective is None else study.user_attrs["config"],
            )
    except (OptunaError, SQLAlchemyError, RuntimeError) as error:
        line = " ".join(str(error).split())
        raise StudyFileError(
            f"{path} does not hold a study of this Optuna ({line:.200}): run"
            " `optuna storage upgrade` on a copy of it, or give another file"
        ) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[RDBStorage]:
    place = f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"
    storage = RDBStorage(place, skip_table_creation=True)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _study(path: Path, storage: RDBStorage, wanted: str | None) -> optuna.Study:
    names = optuna.get_all_study_names(storage)
    chosen = names[0] if wanted is None and len(names) == 1 else wanted
    if chosen is None or chosen not in names:
        shown = ", ".join(map(repr, names)) or "none"
        raise StudyFileError(
            f"{path} holds the studies {shown}: give --from with the name of one of them"
        )
    study = optuna.load_study(study_name=chosen, storage=storage)
    if study.directions != [StudyDirection.MAXIMIZE]:
        shown = ", ".join(each.name for each in study.directions)
        raise StudyFileError(
            f"study {chosen!r} of {path} has the directions {shown}: give one that maximises one"
            " value"
        )
    return study


def _objective(attributes: Mapping[str, Any]) -> str | None:
    """The objective of an exported study of this program; None for any other study."""
    config = attributes.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("search"), Mapping):
        return None
    return objective_name(config)
