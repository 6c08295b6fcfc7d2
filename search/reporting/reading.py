"""Reading studies: what list, status and best show. Takes no lease and changes nothing."""

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState

from search.config.protocols import study_protocol
from search.driver.in_memory_study import Counts, Mirror
from search.driver.study_store import test_of
from search.errors import StudyError
from search.records.origin import QUEUED_ATTRIBUTE, counted, without_gaps
from search.records.outcome import FAILURE_ATTRIBUTE
from storage.database import Database
from storage.lease import TIME_TO_LIVE
from storage.lease_record import read_lease
from storage.optuna_store import open_optuna
from storage.studies import StudyRecord, get_study, list_studies
from trainer.config.configuration import TrainConfig
from trainer.seeds import derive_seed

__all__ = [
    "StudyView",
    "best_config",
    "best_json",
    "failures",
    "is_driven",
    "last_study",
    "read_studies",
    "read_study",
]

State = Literal["running", "finished", "paused"]


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study as it stands in the database."""

    record: StudyRecord
    state: State
    counts: Counts
    #: Who drives it, for people; None if nobody does.
    driver: str | None
    trials: list[FrozenTrial]
    best: FrozenTrial | None
    #: The best trial's scores on the test split, once they were read.
    test: dict[str, Any] | None

    def queued(self) -> dict[int, str]:
        """Trials that somebody queued, by number: what was given, or that they wait."""
        return {
            trial.number: "waits"
            if trial.state is TrialState.WAITING
            else str(trial.user_attrs[QUEUED_ATTRIBUTE])
            for trial in self.trials
            if trial.state is TrialState.WAITING or QUEUED_ATTRIBUTE in trial.user_attrs
        }

    def to_json(self) -> dict[str, Any]:
        """The view as plain data for scripts."""
        return {
            "study": self.record.name,
            "state": self.state,
            "driver": self.driver,
            "target": self.record.trials,
            "protocol": study_protocol(self.record.config),
            "created_at": self.record.created_at.astimezone(datetime.UTC).isoformat(),
            "finished": self.counts.finished,
            "complete": self.counts.complete,
            "pruned": {"collapsed": self.counts.collapsed, "behind": self.counts.behind},
            "failed": self.counts.failed,
            "foreign": self.counts.foreign,
            "running": self.counts.running,
            "waiting": self.counts.waiting,
            "queued": self.queued(),
            "best": None if self.best is None else best_json(self.best),
            "test": self.test,
        }


def best_json(trial: FrozenTrial) -> dict[str, Any]:
    """A trial as plain data."""
    return {"trial": trial.number, "value": trial.value, "params": dict(trial.params)}


def is_driven(database: Database, study: str) -> bool:
    """Whether some process drives the study now."""
    return _driver(database, study) is not None


def read_study(database: Database, name: str) -> StudyView:
    """The named study.

    Raises:
        UnknownStudy: If there is none.
    """
    return _views(database, [get_study(database.engine, name)])[0]


def last_study(database: Database, *, running: bool = False) -> str:
    """Name of the study created last, or of the last one that somebody drives.

    Raises:
        StudyError: If there is none.
    """
    names = [record.name for record in list_studies(database.engine)]
    found = [name for name in names if not running or is_driven(database, name)]
    if not found:
        what = "running study" if running else "study"
        raise StudyError(f"there is no {what} in {database.address.masked()}: launch one")
    return found[-1]


def read_studies(database: Database) -> list[StudyView]:
    """All studies, oldest first."""
    return _views(database, list(list_studies(database.engine)))


def best_config(view: StudyView) -> TrainConfig:
    """The configuration of the best trial, as ``python -m trainer fit`` takes it."""
    from search.config.configuration import LaunchConfig

    assert view.best is not None
    config = LaunchConfig.from_table(view.record.config).train
    seed = derive_seed(view.record.seed, view.best.number, "run")
    return config.with_trial(hyper=view.best.params, seed=seed)


def _views(database: Database, records: list[StudyRecord]) -> list[StudyView]:
    storage = open_optuna(database)
    try:
        stored = {study.study_name: study for study in storage.get_all_studies()}
        views = []
        for record in records:
            study = stored.get(record.name)
            trials = [] if study is None else storage.get_all_trials(study._study_id)
            test = None if study is None else test_of(study.user_attrs)
            views.append(_view(database, record, trials, test))
        return views
    finally:
        storage.engine.dispose()


def _view(
    database: Database, record: StudyRecord, trials: list[FrozenTrial], test: Any
) -> StudyView:
    mirror = Mirror(record.name, [counted(trial, record.name) for trial in without_gaps(trials)])
    driver = _driver(database, record.name)
    state: State = "running" if driver else "finished" if record.finished_at else "paused"
    return StudyView(
        record=record,
        state=state,
        counts=mirror.counts(),
        driver=driver,
        trials=trials,
        best=mirror.best(),
        test=test,
    )


def _driver(database: Database, study: str) -> str | None:
    with database.engine.connect() as connection:
        lease = read_lease(connection, study)
    if lease is None or lease.is_free(time_to_live=TIME_TO_LIVE):
        return None
    return lease.describe()


def failures(view: StudyView) -> list[tuple[int, str, str]]:
    """Number, error and traceback of every failed trial."""
    return [
        (
            trial.number,
            str(trial.user_attrs.get(FAILURE_ATTRIBUTE, "ended by somebody else")),
            str(trial.user_attrs.get("traceback", "")),
        )
        for trial in view.trials
        if trial.state is TrialState.FAIL
    ]
