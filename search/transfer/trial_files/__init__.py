"""Files with trials of other searches: one reader per format.

A new format is one file, and a line per extension in the table.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from search.errors import StudyFileError
from search.transfer.trial_files.comma_separated import read_csv
from search.transfer.trial_files.found_trial import FoundTrial, Looked, TrialFile
from search.transfer.trial_files.json_results import read_json
from search.transfer.trial_files.optuna_sqlite import read_sqlite
from search.transfer.trial_files.study_lines import read_lines

__all__ = ["READERS", "FoundTrial", "Looked", "TrialFile", "read_trial_file"]

#: Readers by the extension of the file.
READERS: Mapping[str, Callable[[Path, Looked], TrialFile]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".jsonl": read_lines,
    ".db": read_sqlite,
}


def read_trial_file(path: Path, looked: Looked) -> TrialFile:
    """Read the finished trials of a file.

    Args:
        path: The file; its extension says how it is read.
        looked: What to look for in it.

    Raises:
        StudyFileError: If it cannot be read, or does not hold what is looked for.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise StudyFileError(
            f"{path} has the extension {path.suffix!r}: give a file that ends in"
            f" {', '.join(READERS)}"
        )
    for flag, given, extension in (
        ("--value", looked.value, ".csv"),
        ("--from", looked.study, ".db"),
    ):
        if given is not None and path.suffix.lower() != extension:
            raise StudyFileError(f"{flag} is for {extension} files: leave it out for {path}")
    try:
        found = reader(path, looked)
    except OSError as error:
        raise StudyFileError(
            f"cannot read {path} ({error.strerror}): give a file with trials"
        ) from error
    if not found.trials and not found.unfinished:
        raise StudyFileError(f"{path} holds no trial: give a file with finished trials")
    return found
