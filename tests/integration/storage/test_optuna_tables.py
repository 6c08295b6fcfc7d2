"""Trials read without Optuna are those that Optuna reads."""

import math

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from storage.database import Database
from storage.optuna_store import open_optuna
from storage.optuna_tables import READ_VERSION, StoredStudy, StoredTrial, read_optuna_studies

KINDS = {
    "x": FloatDistribution(1e-3, 1.0, log=True),
    "n": IntDistribution(1, 9, step=2),
    "kind": CategoricalDistribution(["a", None, 2.5]),
}
TRIALS = (
    create_trial(
        state=TrialState.COMPLETE,
        value=1 / 3,
        params={"x": 0.1, "n": 3, "kind": None},
        distributions=KINDS,
        user_attrs={"note": "one | two", "deep": {"a": [1, None]}},
        system_attrs={"unim2:end": ["s", 0, "COMPLETE", 1 / 3]},
        intermediate_values={2: 0.5, 1: math.inf, 3: -math.inf},
    ),
    create_trial(state=TrialState.COMPLETE, value=-math.inf, params={}, distributions={}),
    create_trial(state=TrialState.PRUNED, value=None, intermediate_values={1: math.nan}),
    create_trial(state=TrialState.FAIL, user_attrs={"failure": "RuntimeError: no"}),
    create_trial(state=TrialState.RUNNING, params={"n": 5}, distributions={"n": KINDS["n"]}),
    create_trial(state=TrialState.WAITING, system_attrs={"fixed_params": {"x": 0.2}}),
)


@pytest.fixture
def study(database: Database) -> optuna.Study:
    """A study with a trial of every kind, beside another one."""
    storage = open_optuna(database)
    optuna.create_study(study_name="other", storage=storage).add_trial(TRIALS[0])
    made = optuna.create_study(study_name="100% 's", storage=storage, direction="maximize")
    made.set_user_attr("test", {"trial": 0})
    for trial in TRIALS:
        made.add_trial(trial)
    return made


def comparable(trial: FrozenTrial | StoredTrial) -> dict[str, object]:
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": None if trial.values is None else tuple(trial.values),
        "params": trial.params,
        "scores": {step: repr(score) for step, score in trial.intermediate_values.items()},
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
    }


def test_trials_are_as_optuna_reads_them(database: Database, study: optuna.Study) -> None:
    read = read_optuna_studies(database, [study.study_name])
    assert read.keys() == {study.study_name}
    (found,) = read.values()
    assert found.user_attrs == study.user_attrs
    wanted = [comparable(trial) for trial in study.get_trials()]
    assert [comparable(trial) for trial in found.trials] == wanted


def test_missing_studies_are_not_read(database: Database) -> None:
    assert read_optuna_studies(database, ["none"]) == {}


def test_a_study_without_trials_is_read(database: Database) -> None:
    optuna.create_study(study_name="empty", storage=open_optuna(database))
    assert read_optuna_studies(database, ["empty"]) == {
        "empty": StoredStudy(user_attrs={}, trials=())
    }


def test_the_installed_optuna_creates_the_tables_that_are_read(database: Database) -> None:
    assert open_optuna(database).get_head_version() == READ_VERSION
