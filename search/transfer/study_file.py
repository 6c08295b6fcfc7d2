"""A study in a file: everything that is stored of it, to be moved to another database.

JSON lines. The first says what the file is; then come the rows of our own tables, what Optuna
keeps of the study, its trials by number; the last counts the lines and has their checksum, so
that a file that was cut short or changed is known. It holds no secret, and nothing in it runs.

Optuna numbers trials anew in each database, and optuna-dashboard names trials by these ids in
the keys of its notes and artifacts; here such keys have the trial's number, ``#12``.
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
from storage.study_copy import TABLES, Rows

__all__ = ["OptunaStudy", "StudyFile", "read_study_file", "write_study_file"]

FORMAT = "unim2-search study"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class OptunaStudy:
    """What Optuna keeps of a study beside its trials."""

    #: ``MINIMIZE`` or ``MAXIMIZE`` of each objective.
    directions: Sequence[str]
    user_attrs: Mapping[str, Any]
    system_attrs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """All that is stored of a study."""

    #: Version of our tables that the rows are of.
    schema: str
    #: The rows of our tables.
    rows: Rows
    #: None if no driver ever had the study.
    optuna: OptunaStudy | None
    #: By number, from 0 without a gap.
    trials: Sequence[FrozenTrial]


def write_study_file(path: Path, content: StudyFile) -> None:
    """Write the file: whole or not at all, and over no other.

    Raises:
        StudyFileError: If there is a file of that name, or it cannot be written.
    """
    data = b"".join(_closed(_lines(content)))
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # unlike a rename, it replaces no file
    except FileExistsError as error:
        raise StudyFileError(f"there is a file {path} already: give another name") from error
    except OSError as error:
        raise StudyFileError(
            f"cannot write {path} ({error.strerror}): free space, or give another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def read_study_file(path: Path, *, known_schemas: Iterable[str]) -> StudyFile:
    """Read a file and check all of it.

    Args:
        path: The file.
        known_schemas: Versions of our tables that this program can take over.

    Raises:
        StudyFileError: If it is no such file, damaged, or made by a newer program.
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
                f"{path} has {what} {header.get(what)!r}, which this program does not know: it was"
                " made by a newer one; update unim2-search"
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
    """The lines as bytes, and a last one with their number and checksum."""
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
        raise StudyFileError(f"{path} holds no study: give a file that export-study wrote")
    return header


def _checked(lines: list[bytes]) -> list[dict[str, Any]]:
    """The lines between the first and the last, if the last fits them."""
    *kept, last = lines
    end = json.loads(last).get("end") if kept else None
    if end is None:
        raise ValueError("its end is missing")
    checksum = hashlib.blake2b(b"".join(kept), digest_size=32).hexdigest()
    if end != {"lines": len(kept), "checksum": checksum}:
        raise ValueError("its checksum does not fit")
    return [json.loads(line) for line in kept[1:]]


def _content(schema: str, lines: list[dict[str, Any]]) -> StudyFile:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*TABLES, "optuna", "trial")}
    for line in lines:
        ((kind, value),) = line.items()
        found[kind].append(value)
    trials = [_trial_from_json(value) for value in found.pop("trial")]
    if [trial.number for trial in trials] != list(range(len(trials))):
        raise ValueError("its trials have gaps")
    optuna = [OptunaStudy(**value) for value in found.pop("optuna")]
    if len(found["study"]) != 1 or len(optuna) > 1 or (trials and not optuna):
        raise ValueError("it is not one study")
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
        trial_id=-1,  # the database gives it another
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
        intermediate_values={int(step): float(told) for step, told in value["reports"]},
        user_attrs=dict(value["user_attrs"]),
        system_attrs=dict(value["system_attrs"]),
    )
    trial._validate()
    return trial


def _time_to_json(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time_from_json(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
