"""Read studies from the database, without a lease and without changing anything."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from search.config.protocols import study_protocol
from search.errors import SearchError, StudyError
from search.objectives import objective_name, objective_title
from search.records.attempts import attempts_of
from search.records.confirmation import Confirmation
from search.records.stored_picture import PLACES_ATTRIBUTE, pictures_of, places_of
from search.records.stored_trial import (
    END_ATTRIBUTE,
    FAILURE_ATTRIBUTE,
    FOREIGN_ATTRIBUTE,
    IMPORTED,
    IMPORTED_ATTRIBUTE,
    QUEUED_ATTRIBUTE,
    AnyTrial,
    canonical_of,
    class_iou_of,
    count_trials,
    is_counted,
    is_imported,
    prune_kind,
    prune_reason,
    test_of,
)
from search.reporting.study_details import Session, StudyDetails, TrialDetails
from search.reporting.study_view import WAITS, State, StudyView, TrialState, TrialView
from search.spaces import Space
from storage.database import Database
from storage.lease import TIME_TO_LIVE
from storage.lease_record import lease_history, read_lease
from storage.optuna_tables import (
    StoredStudy,
    StoredTrial,
    read_optuna_studies,
    read_system_attributes,
)
from storage.optuna_tables import TrialState as OptunaState
from storage.reports import reports_of
from storage.studies import StudyRecord, get_study, list_studies
from trainer.errors import TrainerError
from trainer.records import Report

__all__ = [
    "is_driven",
    "last_study",
    "read_details",
    "read_studies",
    "read_study",
    "read_trial",
    "view_details",
    "view_study",
]

#: By Optuna's names.
STATES: Mapping[str, TrialState] = {
    "WAITING": "waiting",
    "RUNNING": "running",
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
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


def read_details(database: Database, name: str) -> StudyDetails:
    """Read everything that is stored about a study.

    Raises:
        UnknownStudy: If there is no study of that name.
    """
    record = get_study(database.engine, name)
    reports: dict[int, list[Report]] = {}
    for row in reports_of(database.engine, study=name):
        reports.setdefault(row.trial, []).append(Report.from_json(dict(row.payload)))
    with database.engine.connect() as connection:
        past = lease_history(connection, name)
    stored = read_optuna_studies(database, [name]).get(name)
    return view_details(
        record,
        _view(database, record, stored),
        attributes={} if stored is None else stored.user_attrs,
        picture_places=places_of(read_system_attributes(database, name, [PLACES_ATTRIBUTE])),
        reports={trial: tuple(made) for trial, made in reports.items()},
        sessions=tuple(
            Session(host=each.host, pid=each.pid, began=each.acquired_at, ended=each.released_at)
            for each in past
        ),
    )


def read_trial(database: Database, name: str, number: int) -> TrialDetails:
    """Read a trial with its reports.

    Raises:
        UnknownStudy: If there is no study of that name.
        StudyError: If the study has no trial of that number.
    """
    view = read_study(database, name)
    found = {trial.number: trial for trial in view.trials}
    if number not in found:
        last = f"the last one is {max(found)}" if found else "it has none yet"
        raise StudyError(
            f"study {name!r} has no trial {number}: {last}; `{view.command('status')}` shows more"
        )
    rows = reports_of(database.engine, study=name, trial=number)
    return TrialDetails(
        view=view,
        trial=found[number],
        reports=tuple(Report.from_json(dict(row.payload)) for row in rows),
    )


def view_details(
    record: StudyRecord,
    view: StudyView,
    *,
    attributes: Mapping[str, Any],
    reports: Mapping[int, tuple[Report, ...]],
    sessions: tuple[Session, ...] = (),
    picture_places: tuple[str, ...] = (),
) -> StudyDetails:
    """A study with everything that is stored about it, as plain data.

    Args:
        record: Its row in this project's table.
        view: The study as lists show it.
        attributes: Its user attributes.
        reports: The reports of each trial, in order.
        sessions: Who drove it, oldest first.
        picture_places: Where pictures of its trials are.
    """
    return StudyDetails(
        view=view,
        in_flight=record.lag,
        finished_at=record.finished_at,
        versions=record.versions,
        revision=record.revision,
        fingerprints=record.fingerprints,
        attributes=attributes,
        reports=reports,
        sessions=sessions,
        picture_places=picture_places,
    )


def read_studies(database: Database) -> list[StudyView]:
    """All studies, oldest first."""
    return _views(database, list_studies(database.engine))


def view_study(
    record: StudyRecord,
    trials: Sequence[AnyTrial],
    *,
    driver: str | None,
    test: Mapping[str, Any] | None,
    attributes: Mapping[str, Any] = MappingProxyType({}),
    storage: tuple[str, ...] = (),
) -> StudyView:
    """A study as plain data.

    Args:
        record: Its row in this project's table.
        trials: Its stored trials, by number.
        driver: Description of the process that drives it; None if none does.
        test: Its stored scores on the test split, if any.
        attributes: Its user attributes, which hold its confirmation.
        storage: The flags that name its database in a command.
    """
    seen = _as_counted(trials, record.name)
    complete = [trial for trial in seen if trial.state.name == "COMPLETE"]
    best = max(complete, key=_value, default=None)
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
        objective_title=objective_title(record.config),
        space=_space(record.space),
        counts=count_trials(seen),
        trials=tuple(_trial(trial, record.name) for trial in trials),
        best=None if best is None else _trial(best, record.name),
        test=test,
        confirmation=Confirmation.from_attributes(attributes),
        stop_requested=record.stop_requested,
        storage=storage,
    )


def _views(database: Database, records: Sequence[StudyRecord]) -> list[StudyView]:
    stored = read_optuna_studies(database, [record.name for record in records])
    return [_view(database, record, stored.get(record.name)) for record in records]


def _view(database: Database, record: StudyRecord, study: StoredStudy | None) -> StudyView:
    trials = () if study is None else study.trials
    attributes = {} if study is None else study.user_attrs
    return view_study(
        record,
        trials,
        driver=_driver(database, record.name),
        test=test_of(attributes),
        attributes=attributes,
        storage=database.address.flags(),
    )


def _as_counted(trials: Sequence[AnyTrial], study: str) -> list[AnyTrial]:
    """The trials by number, with uncounted ones for those that others ended, or deleted."""
    known = {trial.number: trial for trial in reversed(trials)}
    seen: list[AnyTrial] = []
    for number in range(max(known, default=-1) + 1):
        trial = known.get(number)
        if trial is None or not is_counted(trial, study):
            trial = _uncounted(number, trial)
        seen.append(trial)
    return seen


def _uncounted(number: int, trial: AnyTrial | None) -> StoredTrial:
    """Stands for a trial that does not count, or that was deleted."""
    how = {FOREIGN_ATTRIBUTE: "deleted" if trial is None else trial.state.name}
    return StoredTrial(
        number=number,
        state=OptunaState.FAIL,
        values=None,
        params={},
        intermediate_values={},
        user_attrs={},
        system_attrs={END_ATTRIBUTE: IMPORTED} if trial and is_imported(trial) else how,
    )


def _value(trial: AnyTrial) -> float:
    assert trial.values, "a complete trial has a value"
    return trial.values[0]


def _protocol(config: Mapping[str, Any]) -> str | None:
    """The protocol; None for a study with settings that this version does not know."""
    try:
        return study_protocol(config)
    except (TrainerError, SearchError):
        return None


def _space(stored: Mapping[str, Any]) -> Space | None:
    """The search space; None for one with settings that this version does not know."""
    try:
        return Space.from_json(stored)
    except TrainerError:
        return None


def _trial(trial: AnyTrial, study: str) -> TrialView:
    attributes = trial.user_attrs
    own = is_counted(trial, study)
    imported = _imported(trial)
    numbers = {key: value for key, value in attributes.items() if isinstance(value, int | float)}
    return TrialView(
        number=trial.number,
        state=STATES[trial.state.name],
        value=trial.values[0] if trial.values else None,
        params=dict(trial.params),
        scores=dict(trial.intermediate_values),
        attempts=tuple(why for _, _, why in attempts_of(trial)),
        kind=prune_kind(trial) if own else None,
        reason=_reason(trial) if own else imported or "ended by somebody else",
        traceback=str(attributes.get("traceback", "")),
        counted=own,
        imported=imported,
        queued=_queued(trial),
        figures={key: float(value) for key, value in numbers.items() if math.isfinite(value)},
        class_iou=class_iou_of(trial),
        canonical=canonical_of(trial),
        pictures=pictures_of(trial.system_attrs),
        started_at=trial.datetime_start,
        ended_at=trial.datetime_complete,
    )


def _reason(trial: AnyTrial) -> str:
    return prune_reason(trial) or str(trial.user_attrs.get(FAILURE_ATTRIBUTE, ""))


def _imported(trial: AnyTrial) -> str:
    """Such as ``imported from trials.csv, trial 12``; empty for every other trial."""
    if not is_imported(trial):
        return ""
    return f"imported from {trial.user_attrs.get(IMPORTED_ATTRIBUTE, 'a file')}"


def _queued(trial: AnyTrial) -> str:
    if trial.state.name == "WAITING":
        return WAITS
    return str(trial.user_attrs.get(QUEUED_ATTRIBUTE, ""))


def _driver(database: Database, study: str) -> str | None:
    with database.engine.connect() as connection:
        lease = read_lease(connection, study)
    if lease is None or lease.is_free(time_to_live=TIME_TO_LIVE):
        return None
    return lease.describe()
