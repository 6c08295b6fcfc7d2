import logging
import math

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from search.driver.in_memory_study import Mirror
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.counts import Counts
from search.records.outcome import Completed, Failed, Pruned, trial_end
from tests.unit.search.builders import SPACE, add_finished, random_params, running


def filled() -> Mirror:
    mirror = Mirror("study")
    add_finished(mirror, [10.0, 20.0])
    add_finished(mirror, [5.0], Pruned(kind="collapsed", reason="why"))
    add_finished(mirror, [9.0], Pruned(kind="behind", reason="why"))
    add_finished(mirror, [], Failed(reason="why", traceback=""))
    add_finished(mirror, [10.0, 30.0])
    mirror.report(mirror.add(running()), 1, 12.0)
    return mirror


def test_numbers_follow_without_a_gap() -> None:
    mirror = Mirror("study")
    assert [mirror.add(running()) for _ in range(3)] == [0, 1, 2]
    assert len(mirror) == 3


def test_counts_tell_the_kinds_of_pruning_apart() -> None:
    counts = filled().counts()
    assert counts == Counts(complete=2, collapsed=1, behind=1, failed=1, running=1)
    assert (counts.pruned, counts.finished) == (2, 4)


def test_a_rebuilt_mirror_holds_the_same_trials_in_any_order() -> None:
    first = filled()
    second = Mirror("study", list(reversed(first.trials())))
    assert second.trials() == first.trials()
    assert second.curves() == first.curves()
    assert second.counts() == first.counts()


def test_a_rebuilt_mirror_goes_on_with_its_running_trial() -> None:
    mirror = Mirror("study", filled().trials())
    assert mirror.report(5, 2, 13.0)
    mirror.finish(5, trial_end(Completed(value=12.5), [], MIOU_ACCURACY))
    assert mirror.trial(5).state is TrialState.COMPLETE
    assert mirror.curves()[5] == {1: 12.0, 2: 13.0}


def test_a_gap_in_the_stored_trials_is_refused() -> None:
    trials = filled().trials()
    with pytest.raises(AssertionError, match="trial 1 is missing"):
        Mirror("study", [trials[0], *trials[2:]])


def test_what_is_added_is_a_copy() -> None:
    mirror, template = Mirror("study"), running()
    mirror.add(template)
    template.params["b_self"] = 0.0
    assert mirror.trial(0).params == SPACE.defaults


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_not_reported(score: float) -> None:
    mirror = Mirror("study")
    mirror.add(running())
    assert not mirror.report(0, 1, score)
    assert mirror.curves() == {0: {}}


def test_a_report_sent_again_is_dropped() -> None:
    mirror = Mirror("study")
    mirror.add(running())
    assert mirror.report(0, 1, 3.0)
    assert not mirror.report(0, 1, 4.0)
    assert mirror.curves() == {0: {1: 3.0}}


def test_a_trial_ends_once() -> None:
    mirror = filled()
    with pytest.raises(UpdateFinishedTrialError):
        mirror.finish(0, trial_end(Completed(value=1.0), [], MIOU_ACCURACY))


def test_best_is_the_highest_complete_value_and_the_first_of_equals() -> None:
    mirror = Mirror("study")
    assert mirror.best() is None
    add_finished(mirror, [99.0], Pruned(kind="collapsed", reason="why"))
    assert mirror.best() is None
    numbers = [add_finished(mirror, [value]) for value in (10.0, 30.0, 30.0)]
    best = mirror.best()
    assert best is not None and best.number == numbers[1]


def test_parameters_survive() -> None:
    mirror = Mirror("study")
    params = random_params(4)
    mirror.add(running(params))
    assert mirror.trial(0).params == params


def test_building_one_is_silent_and_leaves_optunas_verbosity_alone() -> None:
    heard: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    handler = Ear()
    logger, level = logging.getLogger("optuna"), optuna.logging.get_verbosity()
    logger.addHandler(handler)
    try:
        Mirror("study", filled().trials())
        assert heard == []
        assert optuna.logging.get_verbosity() == level
        optuna.create_study()
        assert len(heard) == 1
    finally:
        logger.removeHandler(handler)
