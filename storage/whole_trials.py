"""Finished trials, with all that belongs to them, as rows of Optuna's tables.

Optuna's own storage sends some 75 statements for a trial with 20 scores, which takes longer than
anything else about an export. The rows written here, with one statement per table, are the ones
that it would have written: a test compares them.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Table, func, insert, select

from storage.outage import translated

__all__ = ["add_whole_trials"]

TRIALS = models.TrialModel.__table__
#: A row to insert, by column.
_Row = dict[str, Any]


def add_whole_trials(
    storage: RDBStorage, study_id: int, trials: Sequence[FrozenTrial]
) -> list[int]:
    """Add trials to a study in one transaction, under the next free numbers.

    Args:
        storage: Optuna's storage on PostgreSQL or SQLite.
        study_id: The study.
        trials: The trials; their own numbers and ids are ignored.

    Returns:
        Their ids, in order.

    Raises:
        KeyError: If there is no such study.
    """
    with translated(), _create_scoped_session(storage.scoped_session) as session:
        models.StudyModel.find_or_raise_by_id(study_id, session, for_update=True)
        connection = session.connection()
        ids = _add(connection, study_id, trials)
        for table, rows in _contents(ids, trials):
            if rows:
                connection.execute(insert(table), rows)
    return ids


def _add(connection: Connection, study_id: int, trials: Sequence[FrozenTrial]) -> list[int]:
    """Add the rows of the trials alone; returns their ids."""
    if not trials:
        return []
    count = select(func.count()).select_from(TRIALS).where(TRIALS.c.study_id == study_id)
    first = connection.execute(count).scalar_one()
    rows = [_trial(study_id, first + index, trial) for index, trial in enumerate(trials)]
    statement = insert(TRIALS).returning(TRIALS.c.number, TRIALS.c.trial_id)
    ids = {row.number: row.trial_id for row in connection.execute(statement, rows)}
    return [ids[first + index] for index in range(len(trials))]


def _trial(study_id: int, number: int, trial: FrozenTrial) -> _Row:
    made: Any = models.TrialModel(
        datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete
    )
    return {
        "study_id": study_id,
        "number": number,
        "state": trial.state,
        "datetime_start": made._datetime_start_utc,
        "datetime_complete": made._datetime_complete_utc,
    }


def _contents(
    ids: Sequence[int], trials: Sequence[FrozenTrial]
) -> Iterator[tuple[Table, list[_Row]]]:
    """The rows of the other tables."""
    for model, of_trial in (
        (models.TrialValueModel, _values),
        (models.TrialParamModel, _params),
        (models.TrialUserAttributeModel, _user_attributes),
        (models.TrialSystemAttributeModel, _system_attributes),
        (models.TrialIntermediateValueModel, _scores),
    ):
        rows = [
            {"trial_id": trial_id, **row}
            for trial_id, trial in zip(ids, trials, strict=True)
            for row in of_trial(trial)
        ]
        yield model.__table__, rows


def _values(trial: FrozenTrial) -> Iterator[_Row]:
    for objective, given in enumerate(trial.values or ()):
        value, kind = models.TrialValueModel.value_to_stored_repr(given)
        yield {"objective": objective, "value": value, "value_type": kind}


def _params(trial: FrozenTrial) -> Iterator[_Row]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _user_attributes(trial: FrozenTrial) -> Iterator[_Row]:
    for key, item in trial.user_attrs.items():
        yield {"key": key, "value_json": json.dumps(item)}


def _system_attributes(trial: FrozenTrial) -> Iterator[_Row]:
    for key, item in trial.system_attrs.items():
        yield {"key": key, "value_json": json.dumps(item)}


def _scores(trial: FrozenTrial) -> Iterator[_Row]:
    model = models.TrialIntermediateValueModel
    for step, given in trial.intermediate_values.items():
        value, kind = model.intermediate_value_to_stored_repr(given)
        yield {"step": step, "intermediate_value": value, "intermediate_value_type": kind}
