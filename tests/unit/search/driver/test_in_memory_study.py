import logging
import math

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from search.driver.in_memory_study import InMemoryStudy
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.counts import Counts
from search.records.outcome import Completed, Failed, Pruned, trial_end
from tests.unit.search.builders import SPACE, add_finished, random_params, running


def filled() -> InMemoryStudy:
    memory = InMemoryStudy("study")
    add_finished(memory, [10.0, 20.0])
    add_finished(memory, [5.0], Pruned(kind="collapsed", reason="why"))
    add_finished(memory, [9.0], Pruned(kind="behind", reason="why"))
    add_finished(memory, [], Failed(reason="why", traceback=""))
    add_finished(memory, [10.0, 30.0])
    memory.report(memory.add(running()), 1, 12.0)
    return memory


def test_numbers_follow_without_a_gap() -> None:
    memory = InMemoryStudy("study")
    assert [memory.add(running()) for _ in range(3)] == [0, 1, 2]
    assert len(memory) == 3


def test_counts_tell_the_kinds_of_pruning_apart() -> None:
    counts = filled().counts()
    assert counts == Counts(complete=2, collapsed=1, behind=1, failed=1, running=1)
    assert (counts.pruned, counts.finished) == (2, 4)


def test_a_rebuilt_mirror_holds_the_same_trials_in_any_order() -> None:
    first = filled()
    second = InMemoryStudy("study", list(reversed(first.trials())))
    assert second.trials() == first.trials()
    assert second.curves() == first.curves()
    assert second.counts() == first.counts()


def test_a_rebuilt_mirror_goes_on_with_its_running_trial() -> None:
    memory = InMemoryStudy("study", filled().trials())
    assert memory.report(5, 2, 13.0)
    memory.finish(5, trial_end(Completed(value=12.5), [], MIOU_ACCURACY))
    assert memory.trial(5).state is TrialState.COMPLETE
    assert memory.curves()[5] == {1: 12.0, 2: 13.0}


def test_a_gap_in_the_stored_trials_is_refused() -> None:
    trials = filled().trials()
    with pytest.raises(AssertionError, match="trial 1 is missing"):
        InMemoryStudy("study", [trials[0], *trials[2:]])


def test_what_is_added_is_a_copy() -> None:
    memory, template = InMemoryStudy("study"), running()
    memory.add(template)
    template.params["b_self"] = 0.0
    assert memory.trial(0).params == SPACE.defaults


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_not_reported(score: float) -> None:
    memory = InMemoryStudy("study")
    memory.add(running())
    assert not memory.report(0, 1, score)
    assert memory.curves() == {0: {}}


def test_a_report_sent_again_is_dropped() -> None:
    memory = InMemoryStudy("study")
    memory.add(running())
    assert memory.report(0, 1, 3.0)
    assert not memory.report(0, 1, 4.0)
    assert memory.curves() == {0: {1: 3.0}}


def test_a_trial_ends_once() -> None:
    memory = filled()
    with pytest.raises(UpdateFinishedTrialError):
        memory.finish(0, trial_end(Completed(value=1.0), [], MIOU_ACCURACY))


def test_best_is_the_highest_complete_value_and_the_first_of_equals() -> None:
    memory = InMemoryStudy("study")
    assert memory.best() is None
    add_finished(memory, [99.0], Pruned(kind="collapsed", reason="why"))
    assert memory.best() is None
    numbers = [add_finished(memory, [value]) for value in (10.0, 30.0, 30.0)]
    best = memory.best()
    assert best is not None and best.number == numbers[1]


def test_parameters_survive() -> None:
    memory = InMemoryStudy("study")
    params = random_params(4)
    memory.add(running(params))
    assert memory.trial(0).params == params


def test_building_one_is_silent_and_leaves_optunas_verbosity_alone() -> None:
    heard: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    handler = Ear()
    logger, level = logging.getLogger("optuna"), optuna.logging.get_verbosity()
    logger.addHandler(handler)
    try:
        InMemoryStudy("study", filled().trials())
        assert heard == []
        assert optuna.logging.get_verbosity() == level
        optuna.create_study()
        assert len(heard) == 1
    finally:
        logger.removeHandler(handler)
