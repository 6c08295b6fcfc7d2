import dataclasses
import json
import math

import optuna
import pytest
from optuna.samplers._tpe.sampler import _split_trials
from optuna.trial import TrialState

from search.driver.in_memory_study import InMemoryStudy
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import (
    Completed,
    Failed,
    Outcome,
    Prune,
    Pruned,
    trial_end,
)
from search.records.stored_trial import class_iou_of, prune_kind, prune_reason
from tests.unit.search.builders import add_finished, make_report

COLLAPSED = Pruned(kind="collapsed", reason="largest cluster holds 96.2 % of the pixels")
BEHIND = Pruned(kind="behind", reason="mean of the last 3 scores is 21.00")
FAILED = Failed(reason="RuntimeError: out of memory", traceback="Traceback …")
REPORTS = [make_report(1, miou=20.0, accuracy=20.0), make_report(2, miou=30.0, accuracy=30.0)]


@pytest.mark.parametrize(
    ("outcome", "state", "value", "constraint"),
    [
        (Completed(value=34.0), TrialState.COMPLETE, 34.0, 0.0),
        (BEHIND, TrialState.PRUNED, 30.0, 0.0),
        (COLLAPSED, TrialState.PRUNED, 30.0, 1.0),
        (FAILED, TrialState.FAIL, None, None),
    ],
)
def test_each_outcome_has_its_state_value_and_constraint(
    outcome: Outcome, state: TrialState, value: float | None, constraint: float | None
) -> None:
    end = trial_end(outcome, REPORTS, MIOU_ACCURACY)
    assert (end.state, end.value, end.constraint) == (state, value, constraint)


def test_a_failure_keeps_its_traceback_and_never_a_value() -> None:
    end = trial_end(FAILED, REPORTS, MIOU_ACCURACY)
    assert end.attributes["failure"] == FAILED.reason
    assert end.attributes["traceback"] == FAILED.traceback
    assert end.value is None


def test_a_pruned_trial_has_its_last_finite_score() -> None:
    broken = [*REPORTS, make_report(3, miou=math.nan, loss=math.inf, finite=False)]
    end = trial_end(COLLAPSED, broken, MIOU_ACCURACY)
    assert end.value == 30.0
    assert end.attributes["evaluation"] == 3
    assert end.attributes["prune_reason"] == COLLAPSED.reason


def test_a_trial_pruned_before_any_finite_score_has_no_value() -> None:
    assert trial_end(COLLAPSED, [make_report(1, miou=math.nan)], MIOU_ACCURACY).value is None
    assert trial_end(COLLAPSED, [], MIOU_ACCURACY).value is None


@pytest.mark.parametrize("outcome", [Completed(value=1.0), BEHIND, COLLAPSED, FAILED])
def test_attributes_are_plain_json_without_nan(outcome: Outcome) -> None:
    broken = [make_report(1, miou=math.nan, loss=math.inf)]
    json.dumps(dict(trial_end(outcome, broken, MIOU_ACCURACY).attributes), allow_nan=False)


def test_a_completion_needs_a_finite_value() -> None:
    with pytest.raises(AssertionError):
        Completed(value=math.nan)


def test_outcomes_and_verdicts_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BEHIND.reason = "other"  # type: ignore[misc]


def test_a_verdict_becomes_the_outcome_of_the_same_kind_and_reason() -> None:
    verdict = Prune(kind="collapsed", reason="why")
    assert verdict.outcome() == Pruned(kind="collapsed", reason="why")


def test_kind_and_reason_are_read_back_from_the_stored_trial() -> None:
    memory = InMemoryStudy("study")
    outcomes: list[Outcome] = [Completed(value=1.0), BEHIND, COLLAPSED, FAILED]
    stored = [memory.trial(add_finished(memory, [20.0], outcome)) for outcome in outcomes]
    assert [prune_kind(trial) for trial in stored] == [None, "behind", "collapsed", None]
    assert [prune_reason(trial) for trial in stored] == [
        None,
        BEHIND.reason,
        COLLAPSED.reason,
        None,
    ]


def test_the_constraint_is_the_one_that_optuna_itself_writes() -> None:
    study = optuna.create_study(study_name="public", storage=optuna.storages.InMemoryStorage())
    asked = study.ask()
    asked.set_constraint("collapse", 1.0)
    study.tell(asked, state=TrialState.PRUNED)
    memory = InMemoryStudy("ours")
    ours = memory.trial(add_finished(memory, [1.0], COLLAPSED))
    assert ours.constraints == study.trials[0].constraints == {"collapse": 1.0}
    assert ours.system_attrs == study.trials[0].system_attrs


def ranking(memory: InMemoryStudy) -> list[int]:
    """Trial numbers from best to worst, as TPE splits them into below and above."""
    trials, ranked = memory.trials(), []
    for places in range(1, len(trials) + 1):
        below, _ = _split_trials(memory.study, trials, places)
        ranked += [trial.number for trial in below if trial.number not in ranked]
    return ranked


def test_tpe_ranks_a_collapsed_trial_last() -> None:
    memory = InMemoryStudy("study")
    late = add_finished(memory, [50.0] * 19, COLLAPSED)  # stopped last, with the highest scores
    early = add_finished(memory, [1.0], BEHIND)
    poor = add_finished(memory, [2.0] * 20)
    good = add_finished(memory, [30.0] * 20)
    behind = add_finished(memory, [10.0] * 12, BEHIND)
    assert ranking(memory) == [good, poor, behind, early, late]


def test_without_the_constraint_it_would_rank_above_trials_stopped_earlier() -> None:
    memory = InMemoryStudy("study")
    late = add_finished(memory, [50.0] * 19, Pruned(kind="behind", reason="as if healthy"))
    early = add_finished(memory, [60.0], BEHIND)
    assert ranking(memory) == [late, early]


def test_the_iou_of_each_class_is_stored_with_the_end_and_read_back() -> None:
    last = dataclasses.replace(make_report(2), class_iou={"wall": 12.5, "bed": math.nan})
    end = trial_end(Completed(value=1.0), [make_report(1), last], MIOU_ACCURACY)
    json.dumps(dict(end.attributes), allow_nan=False)
    trial = optuna.trial.create_trial(value=1.0, user_attrs=dict(end.attributes))
    assert class_iou_of(trial) == {"wall": 12.5}


@pytest.mark.parametrize("stored", [None, [1.0], {"wall": "half"}])
def test_a_trial_without_iou_by_class_has_none(stored: object) -> None:
    trial = optuna.trial.create_trial(value=1.0, user_attrs={"class_iou": stored})
    assert class_iou_of(trial) == {}
    assert class_iou_of(optuna.trial.create_trial(value=1.0)) == {}
