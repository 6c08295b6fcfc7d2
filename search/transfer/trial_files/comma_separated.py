"""CSV files: those of ``export``, and the table of runs that Weights & Biases exports.

In ours, the columns of hyper-parameters are called ``params.NAME``. In other files a column has
the name of a hyper-parameter, perhaps after the table of the configuration that it belongs to.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.errors import StudyFileError
from search.transfer.trial_files.found_trial import FoundTrial, Looked, TrialFile
from search.transfer.trial_files.outcomes import finished_outcome

__all__ = ["read_csv"]

PARAMS = "params."
#: What Weights & Biases may put before the name of a setting.
PREFIXES = ("", "hyper.", "config.", "config.hyper.")
VALUE = "value"
#: States of a run that Weights & Biases calls finished; a file without states holds no others.
FINISHED = ("finished", "complete", "completed")
SHOWN = 8  # columns that an error names

_Row = Mapping[str, str]


def read_csv(path: Path, looked: Looked) -> TrialFile:
    """Read a CSV file.

    Raises:
        StudyFileError: If it is no CSV file, or lacks a column.
    """
    columns, rows = _rows(path)
    if not rows:
        return TrialFile(trials=())
    value = looked.value or VALUE
    if value not in columns:
        others = [name for name in columns if name and not name.startswith(PARAMS)]
        raise StudyFileError(
            f"{path} has no column {value!r}: give --value with the column of the objective, one"
            f" of {', '.join(map(repr, others[:SHOWN]))}{', …' * (len(others) > SHOWN)}"
        )
    if any(name.startswith(PARAMS) for name in columns):
        trials = [_ours(row, value) for row in rows]
    else:
        known = _columns_of(path, columns, looked.names)
        trials = [_of_others(line, row, value, known) for line, row in enumerate(rows, start=2)]
    finished = [trial for trial in trials if trial is not None]
    return TrialFile(trials=finished, unfinished=len(trials) - len(finished))


def _rows(path: Path) -> tuple[Sequence[str], list[_Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", restkey="")
            return reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyFileError(
            f"{path} is not a CSV file in UTF-8 ({error}): give one with a line of column names"
        ) from error


def _columns_of(path: Path, columns: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The column of each hyper-parameter."""
    found = {}
    for name in names:
        column = next((f"{each}{name}" for each in PREFIXES if f"{each}{name}" in columns), None)
        if column is None:
            raise StudyFileError(
                f"{path} has no column for {name}, which the study searches: name one {name}, or"
                f" {PARAMS}{name}"
            )
        found[name] = column
    return found


def _ours(row: _Row, value: str) -> FoundTrial | None:
    outcome = finished_outcome(row.get("outcome") or row.get("state", ""))
    if outcome is None:
        return None
    last = row.get("last.evaluation", "")
    found = _number(row[value])
    has_score = last and found is not None and outcome != "complete"
    return FoundTrial(
        place=f"trial {row.get('trial', '?')}",
        outcome=outcome,
        value=found,
        params={
            name.removeprefix(PARAMS): _number(text)
            for name, text in row.items()
            if name.startswith(PARAMS) and text
        },
        scores={_number(last): found} if has_score else {},
        reason=row.get("reason", ""),
    )


def _of_others(line: int, row: _Row, value: str, known: Mapping[str, str]) -> FoundTrial | None:
    state = row.get("State", row.get("state", FINISHED[0]))
    if state.lower() not in FINISHED:
        return None
    params = {name: _number(row[column]) for name, column in known.items() if row[column]}
    name = row.get("Name", "")
    place = f"line {line}{f' ({name})' if name else ''}"
    return FoundTrial(place=place, outcome="complete", value=_number(row[value]), params=params)


def _number(text: str) -> float | str | None:
    """The number that a cell holds, or else its text; None if it is empty."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text
