"""Trials exactly as Optuna's tables hold them, for tests of what is stored."""

from optuna.trial import FrozenTrial

from storage.database import Database
from storage.optuna_store import open_optuna

__all__ = ["stored_trials"]


def stored_trials(database: Database, study: str) -> list[FrozenTrial]:
    """The trials of a study by number; none where Optuna does not know it."""
    storage = open_optuna(database)
    try:
        ids = {each.study_name: each._study_id for each in storage.get_all_studies()}
        return storage.get_all_trials(ids[study]) if study in ids else []
    finally:
        storage.engine.dispose()
