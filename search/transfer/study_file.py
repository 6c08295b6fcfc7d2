"""The file of an exported study: everything that a database stores about it.

The file is JSON Lines. The first line identifies the format. Then come the rows of this project's
tables, Optuna's record of the study, and its trials by number. The last line holds the number of
lines and their checksum, which reveals a truncated or changed file. The file contains no secrets
and no code.

Each database gives trials other ids, and optuna-dashboard uses these ids in the keys of its notes
and artifacts. In the file, such keys contain the number of the trial instead: ``#12``.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from search.errors import StudyFileError
from search.transfer.new_file import new_file
from storage.study_copy import TABLES, Rows

__all__ = ["OptunaStudy", "StudyFile", "read_study_file", "write_study_file"]

FORMAT = "unim2-search study"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class OptunaStudy:
    """Optuna's record of a study, without its trials."""

    #: ``MINIMIZE`` or ``MAXIMIZE`` for each objective.
    directions: Sequence[str]
    user_attrs: Mapping[str, Any]
    system_attrs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """Everything that is stored about a study."""

    #: Version of this project's tables.
    schema: str
    #: The rows of this project's tables.
    rows: Rows
    #: None if no driver has ever run the study.
    optuna: OptunaStudy | None
    #: By number, from 0 without gaps.
    trials: Sequence[FrozenTrial]


def write_study_file(path: Path, content: StudyFile) -> None:
    """Write the file completely or not at all; never overwrite a file.

    Raises:
        StudyFileError: If the file exists or cannot be written.
    """
    data = b"".join(_closed(_lines(content)))
    with new_file(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_study_file(path: Path, *, known_schemas: Iterable[str]) -> StudyFile:
    """Read and check a file.

    Args:
        path: Path of the file.
        known_schemas: Versions of this project's tables that this program can import.

    Raises:
        StudyFileError: If the file is not an exported study, is damaged, or was written by a
            newer version.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise StudyFileError(
            f"cannot read {path} ({error.strerror}): give a file that export-study wrote"
        ) from error
    header = _header(path, lines)
    for what, known in (("version", [VERSION]), ("schema", known_schemas)):
        if header.get(what) not in known:
            raise StudyFileError(
                f"{path} has {what} {header.get(what)!r}, which this program does not know: a"
                " newer version wrote it; update unim2-search"
            )
    try:
        return _content(header["schema"], _checked(lines))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StudyFileError(
            f"{path} is damaged ({type(error).__name__}: {str(error)[:200]!r}): export the study"
            " again"
        ) from error


def _lines(content: StudyFile) -> Iterable[dict[str, Any]]:
    yield {"format": FORMAT, "version": VERSION, "schema": content.schema}
    for table, rows in content.rows.items():
        for row in rows:
            yield {table: dict(row)}
    if content.optuna is not None:
        yield {"optuna": vars(content.optuna)}
    for trial in content.trials:
        yield {"trial": _trial_to_json(trial)}


def _closed(lines: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    """The lines as bytes, followed by one with their number and checksum."""
    checksum, count = hashlib.blake2b(digest_size=32), 0
    for line in lines:
        data = json.dumps(line).encode() + b"\n"
        checksum.update(data)
        count += 1
        yield data
    yield json.dumps({"end": {"lines": count, "checksum": checksum.hexdigest()}}).encode() + b"\n"


def _header(path: Path, lines: list[bytes]) -> dict[str, Any]:
    try:
        header = json.loads(lines[0])
    except (IndexError, ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise StudyFileError(
            f"{path} is not an exported study: give a file that export-study wrote"
        )
    return header


def _checked(lines: list[bytes]) -> list[dict[str, Any]]:
    """The lines between the first and the last, if number and checksum match."""
    *kept, last = lines
    end = json.loads(last).get("end") if kept else None
    if end is None:
        raise ValueError("its end is missing")
    checksum = hashlib.blake2b(b"".join(kept), digest_size=32).hexdigest()
    if end != {"lines": len(kept), "checksum": checksum}:
        raise ValueError("its checksum does not match")
    return [json.loads(line) for line in kept[1:]]


def _content(schema: str, lines: list[dict[str, Any]]) -> StudyFile:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*TABLES, "optuna", "trial")}
    for line in lines:
        ((kind, value),) = line.items()
        found[kind].append(value)
    trials = [_trial_from_json(value) for value in found.pop("trial")]
    if [trial.number for trial in trials] != list(range(len(trials))):
        raise ValueError("the numbers of its trials have gaps")
    optuna = [OptunaStudy(**value) for value in found.pop("optuna")]
    if len(found["study"]) != 1 or len(optuna) > 1 or (trials and not optuna):
        raise ValueError("it does not contain exactly one study")
    return StudyFile(
        schema=schema, rows=found, optuna=optuna[0] if optuna else None, trials=trials
    )


def _trial_to_json(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "start": _time_to_json(trial.datetime_start),
        "complete": _time_to_json(trial.datetime_complete),
        "params": trial.params,
        "distributions": {
            name: json.loads(distribution_to_json(distribution))
            for name, distribution in trial.distributions.items()
        },
        "reports": list(trial.intermediate_values.items()),
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
    }


def _trial_from_json(value: dict[str, Any]) -> FrozenTrial:
    trial = FrozenTrial(
        number=int(value["number"]),
        trial_id=-1,  # the database assigns one
        state=TrialState[value["state"]],
        value=None,
        values=value["values"],
        datetime_start=_time_from_json(value["start"]),
        datetime_complete=_time_from_json(value["complete"]),
        params=dict(value["params"]),
        distributions={
            name: json_to_distribution(json.dumps(distribution))
            for name, distribution in value["distributions"].items()
        },
        intermediate_values={int(step): float(score) for step, score in value["reports"]},
        user_attrs=dict(value["user_attrs"]),
        system_attrs=dict(value["system_attrs"]),
    )
    trial._validate()
    return trial


def _time_to_json(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time_from_json(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
