"""Trials exactly as Optuna's tables store them."""

import contextlib
from collections.abc import Iterator

import optuna
from optuna.trial import FrozenTrial

from storage.database import Database
from storage.optuna_store import open_optuna

__all__ = ["others_study", "stored_trials"]


def stored_trials(database: Database, study: str) -> list[FrozenTrial]:
    """The trials of a study by number; none if Optuna does not know it."""
    storage = open_optuna(database)
    try:
        ids = {each.study_name: each._study_id for each in storage.get_all_studies()}
        return storage.get_all_trials(ids[study]) if study in ids else []
    finally:
        storage.engine.dispose()


@contextlib.contextmanager
def others_study(database: Database, study: str) -> Iterator[optuna.Study]:
    """The study as another user opens it, with Optuna alone."""
    storage = open_optuna(database)
    try:
        yield optuna.load_study(study_name=study, storage=storage)
    finally:
        storage.engine.dispose()
