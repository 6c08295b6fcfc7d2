import logging
import math

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.driver.in_memory_study import InMemoryStudy
from search.driver.study_store import trial_template
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.counts import Counts
from search.records.origin import counted
from search.records.outcome import Completed, Failed, Outcome, Pruned, trial_end
from search.records.stored_trial import FOREIGN_ATTRIBUTE, prune_kind
from tests.unit.search.builders import (
    SPACE,
    add_finished,
    curves,
    imported,
    random_params,
    running,
)
from trainer.seeds import numpy_generator


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


def test_counts_separate_the_kinds_of_pruning() -> None:
    counts = filled().counts()
    assert counts == Counts(complete=2, collapsed=1, behind=1, failed=1, running=1)
    assert (counts.pruned, counts.finished) == (2, 4)


def test_a_rebuilt_in_memory_study_has_the_same_trials_in_any_order() -> None:
    first = filled()
    second = InMemoryStudy("study", list(reversed(first.trials())))
    assert second.trials() == first.trials()
    assert curves(second) == curves(first)
    assert second.counts() == first.counts()


def test_a_rebuilt_in_memory_study_continues_its_running_trial() -> None:
    memory = InMemoryStudy("study", filled().trials())
    assert memory.report(5, 2, 13.0)
    memory.finish(5, trial_end(Completed(value=12.5), [], MIOU_ACCURACY))
    assert memory.trial(5).state is TrialState.COMPLETE
    assert curves(memory)[5] == {1: 12.0, 2: 13.0}


def test_a_gap_in_the_stored_trials_is_refused() -> None:
    trials = filled().trials()
    with pytest.raises(AssertionError, match="trial 1 is missing"):
        InMemoryStudy("study", [trials[0], *trials[2:]])


def test_added_trials_are_copied() -> None:
    memory, template = InMemoryStudy("study"), running()
    memory.add(template)
    template.params["b_self"] = 0.0
    assert memory.trial(0).params == SPACE.defaults


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_not_reported(score: float) -> None:
    memory = InMemoryStudy("study")
    memory.add(running())
    assert not memory.report(0, 1, score)
    assert curves(memory) == {0: {}}


def test_a_report_sent_again_is_dropped() -> None:
    memory = InMemoryStudy("study")
    memory.add(running())
    assert memory.report(0, 1, 3.0)
    assert not memory.report(0, 1, 4.0)
    assert curves(memory) == {0: {1: 3.0}}


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


def test_an_imported_trial_is_neither_counted_nor_the_best_nor_a_full_run() -> None:
    memory = InMemoryStudy("study")
    memory.add(imported(99.0, [98.0, 99.0]))
    assert memory.counts() == Counts(imported=1) and memory.ended == 1
    assert (memory.counts().finished, memory.counts().lost, memory.counts().uncounted) == (0, 0, 1)
    assert memory.best() is None and list(memory.study.full_runs.means(2, 1)) == []
    own = add_finished(memory, [10.0, 20.0])
    best = memory.best()
    assert best is not None and best.number == own == 1
    assert list(memory.study.full_runs.means(2, 1)) == [20.0]
    assert [trial.values[0] for trial in memory.study.get_trials()] == [99.0, 20.0]


def plain_counts(memory: InMemoryStudy) -> Counts:
    """Counted again from all trials."""
    trials = memory.trials()
    states = [trial.state for trial in trials]
    kinds = [prune_kind(trial) for trial in trials]
    foreign = sum(FOREIGN_ATTRIBUTE in trial.system_attrs for trial in trials)
    return Counts(
        complete=states.count(TrialState.COMPLETE),
        collapsed=kinds.count("collapsed"),
        behind=kinds.count("behind"),
        failed=states.count(TrialState.FAIL) - foreign,
        foreign=foreign,
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
    )


def plain_best(memory: InMemoryStudy) -> FrozenTrial | None:
    complete = [trial for trial in memory.trials() if trial.state is TrialState.COMPLETE]
    return max(complete, key=lambda trial: trial.values[0], default=None)


def overrule(memory: InMemoryStudy, number: int) -> None:
    theirs = create_trial(state=TrialState.COMPLETE, value=99.0)
    theirs.number = number
    memory.overrule(counted(theirs, memory.name))


def test_counts_and_best_always_match_all_trials() -> None:
    memory, rng = InMemoryStudy("study"), numpy_generator(3, "steps")
    outcomes: tuple[Outcome, ...] = (
        Pruned(kind="collapsed", reason="why"),
        Pruned(kind="behind", reason="why"),
        Failed(reason="why", traceback=""),
    )
    for _ in range(300):
        under_way = [t.number for t in memory.trials() if not t.state.is_finished()]
        match rng.integers(10):
            case 0 | 1 | 2 | 3:
                memory.add(running())
            case 4 if under_way:
                overrule(memory, under_way[0])
            case 5 if under_way and under_way[-1] == len(memory) - 1:
                memory.forget(len(memory) - 1)
            case draw if under_way:
                value = float(rng.integers(20))  # equal ones, too
                outcome = outcomes[draw - 6] if draw in (6, 7, 8) else Completed(value=value)
                memory.finish(under_way[-1], trial_end(outcome, [], MIOU_ACCURACY))
        assert memory.counts() == plain_counts(memory) and len(memory) == len(memory.trials())
        best, plain = memory.best(), plain_best(memory)
        assert (best and best.number) == (plain and plain.number)
    assert memory.counts().foreign and memory.counts().complete


def test_the_study_after_a_number_of_ended_trials() -> None:
    memory = InMemoryStudy("study")
    for _ in range(6):
        memory.add(running_with_attempt())
    for number in (4, 1, 2):
        memory.finish(number, trial_end(Completed(value=float(number)), [], MIOU_ACCURACY))
    seen = memory.ended
    overrule(memory, 5)  # ended later, and the study is built again
    memory.finish(0, trial_end(Completed(value=9.0), [], MIOU_ACCURACY))

    def complete(study: InMemoryStudy) -> list[int]:
        return [t.number for t in study.trials() if t.state is TrialState.COMPLETE]

    assert seen == 3 and complete(memory.as_of(seen)) == [1, 2, 4]
    assert complete(memory.as_of(2)) == [1, 4] and complete(memory) == [0, 1, 2, 4]


def test_a_trial_that_was_never_run_has_ended_at_any_time() -> None:
    memory = InMemoryStudy("study")
    memory.add(running_with_attempt())
    add_finished(memory, [1.0])
    states = [trial.state for trial in memory.as_of(0).trials()]
    assert states == [TrialState.RUNNING, TrialState.COMPLETE]


def running_with_attempt() -> FrozenTrial:
    return trial_template(SPACE.defaults, SPACE.distributions, epoch=1)


def test_all_trials_share_their_distributions() -> None:
    memory = InMemoryStudy("study")
    for _ in range(2):
        memory.add(running_with_attempt())
    first, second = memory.trials()
    assert first.distributions is second.distributions


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
    logger, before = logging.getLogger("optuna"), optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    logger.addHandler(handler)
    try:
        InMemoryStudy("study", filled().trials())
        assert heard == []
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
        optuna.create_study()
        assert len(heard) == 1
    finally:
        logger.removeHandler(handler)
        optuna.logging.set_verbosity(before)
