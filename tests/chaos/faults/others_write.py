"""Another user writes to the study through Optuna's own API while it is searched."""

from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from storage.address import parse_address
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.optuna_store import open_optuna
from tests.chaos.checker import ASKED
from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["others_write"]

#: Queued parameters that do not fit the space.
UNFIT: tuple[dict[str, Any], ...] = ({"b_self": 7.0}, {"unheard_of": 1.0})


def others_write(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Queue trials, add one that is over, end one that runs, and set an attribute."""
    if not run.server.running or not run.stored_epoch():
        return False
    options = run.options(0.0)
    try:
        with Database(parse_address(options.address), None) as database:
            storage = open_optuna(database)
            try:
                study = optuna.load_study(study_name=options.study, storage=storage)
                _write(study, fault.pick, run.others)
            finally:
                storage.engine.dispose()
    except DatabaseUnreachable:
        return False
    return True


def _write(study: optuna.Study, pick: int, others: dict[int, str]) -> None:
    if pick % 2:
        _end_one(study, pick, others)
    _add(study, "queued", _waiting(ASKED), others)
    _add(study, "unfit", _waiting(UNFIT[pick % len(UNFIT)]), others)
    _add(study, "added", create_trial(value=99.0), others)
    study.set_user_attr("test", "a note")


def _waiting(values: dict[str, Any]) -> FrozenTrial:
    """Queue a trial as ``study.enqueue_trial`` does, which does not return its number."""
    return create_trial(state=TrialState.WAITING, system_attrs={"fixed_params": values})


def _add(study: optuna.Study, kind: str, row: FrozenTrial, others: dict[int, str]) -> None:
    trial_id = study._storage.create_new_trial(study._study_id, row)
    others[study._storage.get_trial_number_from_id(trial_id)] = kind


def _end_one(study: optuna.Study, pick: int, others: dict[int, str]) -> None:
    running = [trial for trial in study.trials if trial.state is TrialState.RUNNING]
    if not running:
        return
    number = running[pick % len(running)].number
    try:
        study.tell(number, 99.0)
    except ValueError:  # it has ended meanwhile
        return
    others[number] = "ended"
