"""A study as PostgreSQL stores it, read by SQL alone, without code of the product."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

__all__ = ["LeaseFacts", "ReportFacts", "StudyFacts", "TrialFacts", "WriteFacts", "read_facts"]


@dataclass(frozen=True, kw_only=True)
class TrialFacts:
    """One trial, with all that belongs to it."""

    number: int
    state: str
    values: tuple[float | None, ...]
    parameters: Mapping[str, float]
    #: Score by evaluation.
    scores: Mapping[int, float | None]
    #: Attempts: number, epoch, why.
    attempts: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """One stored report."""

    trial: int
    evaluation: int
    stored_at: datetime.datetime


@dataclass(frozen=True, kw_only=True)
class LeaseFacts:
    """One owner in the lease history."""

    epoch: int
    host: str
    pid: int
    acquired_at: datetime.datetime
    released_at: datetime.datetime | None


@dataclass(frozen=True, kw_only=True)
class WriteFacts:
    """One write as the audit noted it."""

    #: When, server's clock.
    at: datetime.datetime
    #: The connection that wrote.
    backend: str
    #: Epoch of the lease as the write saw it.
    epoch: int
    trial: int | None
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """One study."""

    name: str
    target: int
    finished: bool
    #: Lower and upper end of each parameter's range.
    ranges: Mapping[str, tuple[float, float]]
    trials: tuple[TrialFacts, ...]
    reports: tuple[ReportFacts, ...]
    #: Epoch of the lease's row.
    epoch: int
    leases: tuple[LeaseFacts, ...]
    writes: tuple[WriteFacts, ...]


STUDY = "SELECT name, trials, finished_at, space FROM umss.study WHERE name = :study"
TRIALS = """
SELECT t.trial_id, t.number, t.state::text AS state FROM trials t
JOIN studies s USING (study_id) WHERE s.study_name = :study ORDER BY t.number, t.trial_id
"""
VALUES = "SELECT trial_id, value FROM trial_values ORDER BY trial_id, objective, trial_value_id"
PARAMETERS = "SELECT trial_id, param_name, param_value FROM trial_params ORDER BY param_id"
SCORES = "SELECT trial_id, step, intermediate_value FROM trial_intermediate_values ORDER BY step"
ATTEMPTS = """
SELECT trial_id, value_json FROM trial_system_attributes WHERE key = 'unim2:attempts'
"""
REPORTS = """
SELECT trial, evaluation, stored_at FROM umss.report
WHERE study = :study ORDER BY trial, evaluation
"""
EPOCH = "SELECT epoch FROM umss.lease WHERE study = :study"
LEASES = """
SELECT epoch, host, pid, acquired_at, released_at FROM umss.lease_history
WHERE study = :study ORDER BY epoch
"""
AUDITED = "SELECT to_regclass('chaos.write') IS NOT NULL"
WRITES = "SELECT at, backend, epoch, trial, what, before, after FROM chaos.write ORDER BY id"


def read_facts(connection: Connection, study: str) -> StudyFacts:
    """Everything about a study; its database holds no other."""

    def rows(query: str) -> list[Any]:
        parameters = {"study": study} if ":study" in query else {}
        return list(connection.execute(text(query), parameters))

    record = rows(STUDY)[0]
    audited = rows(AUDITED)[0][0]
    return StudyFacts(
        name=record.name,
        target=record.trials,
        finished=record.finished_at is not None,
        ranges={knob["name"]: (knob["low"], knob["high"]) for knob in record.space["knobs"]},
        trials=_trials(rows),
        reports=tuple(ReportFacts(**row._asdict()) for row in rows(REPORTS)),
        epoch=max((row.epoch for row in rows(EPOCH)), default=0),
        leases=tuple(LeaseFacts(**row._asdict()) for row in rows(LEASES)),
        writes=tuple(WriteFacts(**row._asdict()) for row in rows(WRITES)) if audited else (),
    )


def _trials(rows: Any) -> tuple[TrialFacts, ...]:
    values: dict[int, list[float | None]] = {}
    parameters: dict[int, dict[str, float]] = {}
    scores: dict[int, dict[int, float | None]] = {}
    attempts: dict[int, Any] = {}
    for row in rows(VALUES):
        values.setdefault(row.trial_id, []).append(row.value)
    for row in rows(PARAMETERS):
        parameters.setdefault(row.trial_id, {})[row.param_name] = row.param_value
    for row in rows(SCORES):
        scores.setdefault(row.trial_id, {})[row.step] = row.intermediate_value
    for row in rows(ATTEMPTS):
        attempts[row.trial_id] = json.loads(row.value_json)
    return tuple(
        TrialFacts(
            number=row.number,
            state=row.state,
            values=tuple(values.get(row.trial_id, ())),
            parameters=parameters.get(row.trial_id, {}),
            scores=scores.get(row.trial_id, {}),
            attempts=tuple((a, epoch, why) for a, epoch, why in attempts.get(row.trial_id, ())),
        )
        for row in rows(TRIALS)
    )
