"""Many changes to the trials of a study in one transaction, with one statement per table.

Optuna's own storage takes a transaction, and several round trips, for each attribute, score and
state. The rows written here are the ones that it would have written: a test compares them.
"""

import datetime
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql

from storage.models import Base, ReportRow

__all__ = ["NewTrial", "TrialBatch", "lock_trials"]

TRIALS, STUDIES = models.TrialModel.__table__, models.StudyModel.__table__
PARAMETERS = models.TrialParamModel.__table__
SCORES = models.TrialIntermediateValueModel.__table__
VALUES = models.TrialValueModel.__table__
USER_ATTRIBUTES = models.TrialUserAttributeModel.__table__
SYSTEM_ATTRIBUTES = models.TrialSystemAttributeModel.__table__
REPORTS: Table = Base.metadata.tables[f"{Base.metadata.schema}.{ReportRow.__tablename__}"]
FINITE_SCORE = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
FINITE_VALUE = models.TrialValueModel.TrialValueType.FINITE

#: Rows to insert, by column.
_Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class NewTrial:
    """A RUNNING trial with all its parameters."""

    number: int
    parameters: Mapping[str, float]
    system_attributes: Mapping[str, Any]
    user_attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class TrialBatch:
    """What is to be written; of two changes to the same thing, the later one counts.

    Trials that exist are named by their ids in Optuna's tables. Numbers are finite.
    """

    #: Trials to create, whose numbers follow each other.
    added: list[NewTrial] = field(default_factory=list)
    #: Reports as ``storage.reports`` has them: study, trial, evaluation, payload.
    reports: _Rows = field(default_factory=list)
    #: Scores by trial and evaluation.
    scores: dict[tuple[int, int], float] = field(default_factory=dict)
    #: Attributes by trial and key.
    user_attributes: dict[tuple[int, str], Any] = field(default_factory=dict)
    system_attributes: dict[tuple[int, str], Any] = field(default_factory=dict)
    #: States and values of trials that end.
    ends: dict[int, tuple[TrialState, float | None]] = field(default_factory=dict)
    #: Every trial that is changed.
    changed: set[int] = field(default_factory=set)

    def write(
        self,
        connection: Connection,
        study_id: int,
        distributions: Mapping[str, BaseDistribution],
        *,
        last: int | None,
    ) -> dict[int, int] | None:
        """Write everything within the connection's transaction.

        Args:
            connection: In a transaction of its own.
            study_id: The study.
            distributions: Of every parameter.
            last: Id of the study's last trial; None if it has none.

        Returns:
            The ids of the trials created, by number. None if the batch does not fit what is
            stored, and nothing was written: a changed trial is finished or gone, or somebody
            else added a trial after ``last``.
        """
        open_trials = {
            trial
            for trial, state in lock_trials(connection, self.changed).items()
            if not state.is_finished()
        }
        if open_trials != self.changed or not self._has_room(connection, study_id, last):
            return None
        ids = self._add(connection, study_id, distributions)
        self._report(connection)
        self._end(connection)
        return ids

    def _has_room(self, connection: Connection, study_id: int, last: int | None) -> bool:
        """Whether the first new trial gets its number; until the end, nobody else adds one."""
        if not self.added:
            return True
        lock = select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id)
        if connection.execute(lock.with_for_update()).one_or_none() is None:
            return False
        stored = select(func.count(), func.max(TRIALS.c.trial_id))
        count, newest = connection.execute(stored.where(TRIALS.c.study_id == study_id)).one()
        return (count, newest) == (self.added[0].number, last)

    def _add(
        self,
        connection: Connection,
        study_id: int,
        distributions: Mapping[str, BaseDistribution],
    ) -> dict[int, int]:
        if not self.added:
            return {}
        common = {"study_id": study_id, "state": TrialState.RUNNING, "datetime_start": _now()}
        statement = insert(TRIALS).returning(TRIALS.c.number, TRIALS.c.trial_id)
        rows = [{**common, "number": trial.number} for trial in self.added]
        ids = {row.number: row.trial_id for row in connection.execute(statement, rows)}
        texts = {name: distribution_to_json(kind) for name, kind in distributions.items()}
        parameters = [
            {
                "trial_id": ids[trial.number],
                "param_name": name,
                "param_value": distributions[name].to_internal_repr(value),
                "distribution_json": texts[name],
            }
            for trial in self.added
            for name, value in trial.parameters.items()
        ]
        _insert(connection, insert(PARAMETERS), parameters)
        for trial in self.added:
            for key, item in trial.system_attributes.items():
                self.system_attributes[ids[trial.number], key] = item
            for key, item in trial.user_attributes.items():
                self.user_attributes[ids[trial.number], key] = item
        return ids

    def _report(self, connection: Connection) -> None:
        statement = postgresql.insert(REPORTS).on_conflict_do_nothing()
        _insert(connection, statement, self.reports)
        scores = [
            {
                "trial_id": trial,
                "step": evaluation,
                "intermediate_value": score,
                "intermediate_value_type": FINITE_SCORE,
            }
            for (trial, evaluation), score in self.scores.items()
        ]
        _upsert(connection, SCORES, ("trial_id", "step"), scores)

    def _end(self, connection: Connection) -> None:
        """Attributes and values first, states last: the order in which Optuna allows them."""
        for table, attributes in (
            (USER_ATTRIBUTES, self.user_attributes),
            (SYSTEM_ATTRIBUTES, self.system_attributes),
        ):
            rows = [
                {"trial_id": trial, "key": key, "value_json": json.dumps(item)}
                for (trial, key), item in attributes.items()
            ]
            _upsert(connection, table, ("trial_id", "key"), rows)
        values = [
            {"trial_id": trial, "objective": 0, "value": value, "value_type": FINITE_VALUE}
            for trial, (_, value) in self.ends.items()
            if value is not None
        ]
        _upsert(connection, VALUES, ("trial_id", "objective"), values)
        for state in sorted({state for state, _ in self.ends.values()}):
            ended = [trial for trial, (as_what, _) in self.ends.items() if as_what is state]
            statement = update(TRIALS).where(TRIALS.c.trial_id.in_(ended))
            connection.execute(statement.values(state=state, datetime_complete=_now()))


def lock_trials(connection: Connection, trials: Collection[int]) -> dict[int, TrialState]:
    """The states of trials by id; until the transaction ends, nobody else changes them."""
    if not trials:
        return {}
    query = select(TRIALS.c.trial_id, TRIALS.c.state).where(TRIALS.c.trial_id.in_(trials))
    locked = query.order_by(TRIALS.c.trial_id).with_for_update(key_share=True)
    return {row.trial_id: row.state for row in connection.execute(locked)}


def _insert(connection: Connection, statement: Any, rows: _Rows) -> None:
    if rows:
        connection.execute(statement, rows)


def _upsert(connection: Connection, table: Any, key: tuple[str, ...], rows: _Rows) -> None:
    """Insert rows; one that is there already gets the new content."""
    if not rows:
        return
    statement = postgresql.insert(table)
    content = {name: statement.excluded[name] for name in rows[0] if name not in key}
    _insert(
        connection,
        statement.on_conflict_do_update(index_elements=list(key), set_=content),
        rows,
    )


def _now() -> datetime.datetime:
    """The time as Optuna's tables keep it: UTC, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
