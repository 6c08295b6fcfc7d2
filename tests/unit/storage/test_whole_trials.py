"""Whole trials are the rows that Optuna's own storage writes for them."""

import datetime
import math
from typing import Any

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import select

from storage.whole_trials import add_whole_trials

KINDS = {
    "real": FloatDistribution(0.1, 10.0, log=True),
    "whole": IntDistribution(1, 9, step=2),
    "word": CategoricalDistribution(["a", None, 3]),
}
PARAMS = {"real": 0.25, "whole": 3, "word": None}
#: Counted by the database, in another order.
OWN_IDS = ("trial_value_id", "param_id", "trial_user_attribute_id",
           "trial_system_attribute_id", "trial_intermediate_value_id")  # fmt: skip


def trials() -> list[FrozenTrial]:
    """Trials of every state, with everything that one can have."""
    waiting = create_trial(state=TrialState.WAITING, system_attrs={"fixed_params": {"real": 1}})
    waiting.datetime_start = None
    return [
        create_trial(
            value=1.5,
            params=PARAMS,
            distributions=KINDS,
            user_attrs={"note": "ä", "list": [1, None]},
            system_attrs={"constraints:collapse": 0.0},
            intermediate_values={1: 1.0, 3: math.nan, 4: math.inf, 5: -math.inf},
        ),
        create_trial(value=math.inf),
        create_trial(value=-math.inf),
        create_trial(state=TrialState.PRUNED, intermediate_values={2: 7.0}),
        create_trial(state=TrialState.PRUNED, value=3.0),
        create_trial(state=TrialState.FAIL, user_attrs={"failure": "why"}),
        create_trial(state=TrialState.RUNNING, params=PARAMS, distributions=KINDS),
        waiting,
    ]


@pytest.fixture
def storages() -> Any:
    made = [RDBStorage("sqlite://") for _ in range(2)]
    yield made
    for each in made:
        each.remove_session()
        each.engine.dispose()


def new_study(storage: RDBStorage) -> int:
    return storage.create_new_study([StudyDirection.MAXIMIZE], "study")


def rows(storage: RDBStorage) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with storage.engine.connect() as connection:
        for table in models.BaseModel.metadata.sorted_tables:
            columns = [column for column in table.columns if column.name not in OWN_IDS]
            read = [dict(row._mapping) for row in connection.execute(select(*columns))]
            found[table.name] = sorted(read, key=repr)
    return found


def test_the_rows_are_those_that_optuna_writes(storages: list[RDBStorage]) -> None:
    theirs, ours = storages
    study, made = new_study(theirs), trials()
    ids = [theirs.create_new_trial(study, trial) for trial in made]
    assert add_whole_trials(ours, new_study(ours), made) == ids
    assert rows(ours)["trial_params"] and rows(ours) == rows(theirs)


def test_numbers_follow_those_of_the_study(storages: list[RDBStorage]) -> None:
    storage = storages[0]
    other, study = storage.create_new_study([StudyDirection.MAXIMIZE]), new_study(storage)
    storage.create_new_trial(study)
    storage.create_new_trial(other)
    ids = add_whole_trials(storage, study, trials())
    found = storage.get_all_trials(study)
    assert [trial.number for trial in found] == list(range(len(trials()) + 1))
    assert [trial._trial_id for trial in found[1:]] == ids
    assert found[1].params == PARAMS
    assert isinstance(found[1].datetime_start, datetime.datetime)
    assert storage.create_new_trial(study) > ids[-1]
    assert storage.get_all_trials(study)[-1].number == len(trials()) + 1


def test_nothing_to_add_and_no_study(storages: list[RDBStorage]) -> None:
    storage = storages[0]
    assert add_whole_trials(storage, new_study(storage), []) == []
    with pytest.raises(KeyError):
        add_whole_trials(storage, 99, trials())
