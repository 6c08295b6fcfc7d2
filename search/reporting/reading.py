"""Read studies from the database, without a lease and without changing anything."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from search.config.protocols import study_protocol
from search.driver.in_memory_study import InMemoryStudy
from search.driver.study_store import test_of
from search.errors import SearchError, StudyError
from search.objectives import OBJECTIVES, objective_name
from search.records.attempts import attempts_of
from search.records.origin import QUEUED_ATTRIBUTE, counted, without_gaps
from search.records.outcome import FAILURE_ATTRIBUTE, prune_kind, prune_reason
from search.reporting.study_view import WAITS, State, StudyView, TrialState, TrialView
from search.spaces import Space
from storage.database import Database
from storage.lease import TIME_TO_LIVE
from storage.lease_record import read_lease
from storage.optuna_store import open_optuna
from storage.studies import StudyRecord, get_study, list_studies
from trainer.errors import TrainerError

__all__ = ["is_driven", "last_study", "read_studies", "read_study", "view_study"]

STATES: Mapping[optuna.trial.TrialState, TrialState] = {
    optuna.trial.TrialState.WAITING: "waiting",
    optuna.trial.TrialState.RUNNING: "running",
    optuna.trial.TrialState.COMPLETE: "complete",
    optuna.trial.TrialState.PRUNED: "pruned",
    optuna.trial.TrialState.FAIL: "failed",
}


def is_driven(database: Database, study: str) -> bool:
    """Whether a process drives the study now."""
    return _driver(database, study) is not None


def read_study(database: Database, name: str) -> StudyView:
    """Read a study.

    Raises:
        UnknownStudy: If there is no study of that name.
    """
    return _views(database, [get_study(database.engine, name)])[0]


def last_study(database: Database, *, running: bool = False) -> str:
    """Name of the study created last, or of the last one that a process drives.

    Raises:
        StudyError: If there is no such study.
    """
    names = [record.name for record in list_studies(database.engine)]
    found = [name for name in names if not running or is_driven(database, name)]
    if not found:
        what = "running study" if running else "study"
        raise StudyError(
            f"there is no {what} in {database.address.masked()}: `python -m search launch` starts"
            " one"
        )
    return found[-1]


def read_studies(database: Database) -> list[StudyView]:
    """All studies, oldest first."""
    return _views(database, list_studies(database.engine))


def view_study(
    record: StudyRecord,
    trials: Sequence[FrozenTrial],
    *,
    driver: str | None,
    test: Mapping[str, Any] | None,
) -> StudyView:
    """A study as plain data.

    Args:
        record: Its row in this project's table.
        trials: Its stored trials, by number.
        driver: Description of the process that drives it; None if none does.
        test: Its stored scores on the test split, if any.
    """
    memory = InMemoryStudy(
        record.name, [counted(trial, record.name) for trial in without_gaps(trials)]
    )
    best = memory.best()
    state: State = "running" if driver else "finished" if record.finished_at else "paused"
    name = objective_name(record.config)
    return StudyView(
        name=record.name,
        state=state,
        driver=driver,
        target=record.trials,
        created_at=record.created_at,
        seed=record.seed,
        config=record.config,
        protocol=_protocol(record.config),
        objective=name,
        objective_title=OBJECTIVES[name].title if name in OBJECTIVES else name,
        defaults=_defaults(record.space),
        counts=memory.counts(),
        trials=tuple(_trial(trial, record.name) for trial in trials),
        best=None if best is None else _trial(best, record.name),
        test=test,
    )


def _views(database: Database, records: Sequence[StudyRecord]) -> list[StudyView]:
    storage = open_optuna(database)
    try:
        stored = {study.study_name: study for study in storage.get_all_studies()}
        views = []
        for record in records:
            study = stored.get(record.name)
            trials = [] if study is None else storage.get_all_trials(study._study_id)
            test = None if study is None else test_of(study.user_attrs)
            driver = _driver(database, record.name)
            views.append(view_study(record, trials, driver=driver, test=test))
        return views
    finally:
        storage.engine.dispose()


def _protocol(config: Mapping[str, Any]) -> str | None:
    """The protocol; None for a study with settings that this version does not know."""
    try:
        return study_protocol(config)
    except (TrainerError, SearchError):
        return None


def _defaults(space: Mapping[str, Any]) -> dict[str, float]:
    """The default values; empty for a space with settings that this version does not know."""
    try:
        return Space.from_json(space).defaults
    except TrainerError:
        return {}


def _trial(trial: FrozenTrial, study: str) -> TrialView:
    attributes = trial.user_attrs
    own = counted(trial, study) is trial
    numbers = {key: value for key, value in attributes.items() if isinstance(value, int | float)}
    return TrialView(
        number=trial.number,
        state=STATES[trial.state],
        value=None if trial.values is None else trial.values[0],
        params=dict(trial.params),
        scores=dict(trial.intermediate_values),
        attempts=tuple(why for _, _, why in attempts_of(trial)),
        kind=prune_kind(trial) if own else None,
        reason=_reason(trial) if own else "ended by somebody else",
        traceback=str(attributes.get("traceback", "")),
        counted=own,
        queued=_queued(trial),
        figures={key: float(value) for key, value in numbers.items() if math.isfinite(value)},
    )


def _reason(trial: FrozenTrial) -> str:
    return prune_reason(trial) or str(trial.user_attrs.get(FAILURE_ATTRIBUTE, ""))


def _queued(trial: FrozenTrial) -> str:
    if trial.state is optuna.trial.TrialState.WAITING:
        return WAITS
    return str(trial.user_attrs.get(QUEUED_ATTRIBUTE, ""))


def _driver(database: Database, study: str) -> str | None:
    with database.engine.connect() as connection:
        lease = read_lease(connection, study)
    if lease is None or lease.is_free(time_to_live=TIME_TO_LIVE):
        return None
    return lease.describe()
