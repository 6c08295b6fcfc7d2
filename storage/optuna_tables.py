"""Reads studies and trials from Optuna's tables without Optuna, whose import is slow.

Everything that writes uses :mod:`storage.optuna_store`.
"""

import datetime
import enum
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from storage.database import Database
from storage.optuna_schema import find_place, table_name
from storage.outage import translated

__all__ = [
    "READ_VERSION",
    "StoredStudy",
    "StoredTrial",
    "TrialState",
    "read_optuna_studies",
    "read_system_attributes",
]

#: The version of Optuna's tables that is read here.
READ_VERSION = "v3.2.0.a"
#: How numbers that no column holds are stored.
SPECIAL = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


class TrialState(enum.Enum):
    """How a trial stands, by Optuna's names."""

    RUNNING = enum.auto()
    COMPLETE = enum.auto()
    PRUNED = enum.auto()
    FAIL = enum.auto()
    WAITING = enum.auto()

    def is_finished(self) -> bool:
        """Whether it is final."""
        return self not in (TrialState.RUNNING, TrialState.WAITING)


@dataclass(frozen=True, kw_only=True)
class StoredTrial:
    """A stored trial."""

    number: int
    state: TrialState
    #: Its one value; None if it has none.
    values: tuple[float, ...] | None
    params: Mapping[str, Any]
    intermediate_values: Mapping[int, float]
    user_attrs: Mapping[str, Any]
    system_attrs: Mapping[str, Any]
    #: When it was created, in the local time of the process that created it; None if it waits.
    datetime_start: datetime.datetime | None = None
    #: When it ended, in the local time of the process that ended it; None before.
    datetime_complete: datetime.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A stored study."""

    user_attrs: Mapping[str, Any]
    #: By number.
    trials: tuple[StoredTrial, ...]


def read_optuna_studies(database: Database, names: Sequence[str]) -> dict[str, StoredStudy]:
    """Those of the named studies that Optuna's tables hold, by name.

    Raises:
        SchemaError: If the tables are of a version that neither this module nor the installed
            Optuna reads.
        DatabaseAway: If the database goes away meanwhile.
    """
    with translated(), database.engine.connect() as connection:
        place = find_place(connection)
        if place.made and _version(connection, place.schema) == READ_VERSION:
            return _Reader(connection, place.schema, names).studies()
    from storage.optuna_store import open_optuna  # lazily: Optuna and Alembic are slow to import

    # It creates missing tables, and refuses those that Optuna cannot use.
    open_optuna(database).engine.dispose()
    with translated(), database.engine.connect() as connection:
        return _Reader(connection, find_place(connection).schema, names).studies()


def read_system_attributes(database: Database, study: str, keys: Sequence[str]) -> dict[str, Any]:
    """Those of a study's system attributes that have one of the keys.

    Raises:
        DatabaseUnreachable: If the connection breaks.
    """
    with translated(), database.engine.connect() as connection:
        place = find_place(connection)
        if not place.made:
            return {}
        attributes, studies = (
            table_name(place.schema, name) for name in ("study_system_attributes", "studies")
        )
        query = (
            f"SELECT key, value_json FROM {attributes} JOIN {studies} USING (study_id)"
            " WHERE study_name = %s AND key = ANY(%s)"
        )
        rows = connection.exec_driver_sql(query, (study, list(keys)))
        return {key: json.loads(value) for key, value in rows}


def _version(connection: Connection, schema: str) -> str | None:
    query = f"SELECT version_num FROM {table_name(schema, 'alembic_version')}"
    version: str | None = connection.exec_driver_sql(query, ()).scalar_one_or_none()
    return version


class _Reader:
    """Reads what Optuna's tables hold of some studies, each table by one query."""

    def __init__(self, connection: Connection, schema: str, names: Sequence[str]) -> None:
        self._connection, self._schema, self._names = connection, schema, list(names)
        studies, trials = self._table("studies"), self._table("trials")
        named = f"study_id IN (SELECT study_id FROM {studies} WHERE study_name = ANY(%s))"
        self._of_studies = named
        self._of_trials = f"trial_id IN (SELECT trial_id FROM {trials} WHERE {named})"

    def studies(self) -> dict[str, StoredStudy]:
        attributes = self._attributes("study_user_attributes", "study_id")
        trials = self._trials()
        studies = self._rows("studies", "study_id, study_name")
        return {
            name: StoredStudy(user_attrs=attributes[key], trials=tuple(trials[key]))
            for key, name in studies
        }

    def _trials(self) -> Mapping[int, list[StoredTrial]]:
        values = self._numbers("trial_values", "objective", "value")
        scores = self._numbers("trial_intermediate_values", "step", "intermediate_value")
        params = self._params()
        user = self._attributes("trial_user_attributes", "trial_id")
        system = self._attributes("trial_system_attributes", "trial_id")
        trials: Mapping[int, list[StoredTrial]] = defaultdict(list)
        columns = "study_id, trial_id, number, state, datetime_start, datetime_complete"
        for study, key, number, state, start, complete in self._rows(
            "trials", columns, order="number"
        ):
            trial = StoredTrial(
                number=number,
                state=TrialState[state],
                values=tuple(values[key].values()) or None,
                params=params[key],
                intermediate_values=scores[key],
                user_attrs=user[key],
                system_attrs=system[key],
                datetime_start=start,
                datetime_complete=complete,
            )
            trials[study].append(trial)
        return trials

    def _numbers(self, table: str, key: str, value: str) -> Mapping[int, dict[int, float]]:
        """Numbers by trial and key: an objective, or an evaluation."""
        found: Mapping[int, dict[int, float]] = defaultdict(dict)
        columns = f"trial_id, {key}, {value}, {value}_type"
        for trial, index, number, kind in self._rows(table, columns, order=key):
            found[trial][index] = SPECIAL.get(kind, number)
        return found

    def _params(self) -> Mapping[int, dict[str, Any]]:
        found: Mapping[int, dict[str, Any]] = defaultdict(dict)
        columns = "trial_id, param_name, param_value, distribution_json"
        for trial, name, value, kind in self._rows("trial_params", columns, order="param_id"):
            found[trial][name] = _external(value, json.loads(kind))
        return found

    def _attributes(self, table: str, owner: str) -> Mapping[int, dict[str, Any]]:
        found: Mapping[int, dict[str, Any]] = defaultdict(dict)
        for key, name, value in self._rows(table, f"{owner}, key, value_json"):
            found[key][name] = json.loads(value)
        return found

    def _rows(self, table: str, columns: str, *, order: str = "1") -> Iterable[Any]:
        owner = self._of_trials if table.startswith("trial_") else self._of_studies
        query = f"SELECT {columns} FROM {self._table(table)} WHERE {owner} ORDER BY {order}"
        return self._connection.exec_driver_sql(query, (self._names,))

    def _table(self, name: str) -> str:
        return table_name(self._schema, name)


def _external(value: float, distribution: Mapping[str, Any]) -> Any:
    """A parameter as it was suggested; the table holds a number for it."""
    if distribution["name"] == "CategoricalDistribution":
        return distribution["attributes"]["choices"][int(value)]
    return int(value) if distribution["name"].startswith("Int") else value
