"""JSON Lines files of ``export-study``."""

from pathlib import Path

from search.objectives import objective_name
from search.transfer.study_file import read_study_file
from search.transfer.trial_files.found_trial import Looked, TrialFile
from search.transfer.trial_files.optuna_trials import of_optuna
from storage.schema import known_versions

__all__ = ["read_lines"]


def read_lines(path: Path, looked: Looked) -> TrialFile:
    """Read an exported study.

    Raises:
        StudyFileError: If the file is not one, or is damaged.
    """
    del looked  # it holds one study, and values have one place
    content = read_study_file(path, known_schemas=known_versions())
    (row,) = content.rows["study"]
    objective = objective_name(row["config"])
    return of_optuna(content.trials, study=row["name"], objective=objective, config=row["config"])
