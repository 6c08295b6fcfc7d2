from collections.abc import Sequence

import pytest

from search.driver.in_memory_study import InMemoryStudy
from search.pruners.competitive import CompetitivePruner
from search.records.outcome import Keep, Prune, Pruned, Verdict
from tests.unit.search.builders import add_finished, running

E = 20
PRUNER = CompetitivePruner(evaluations=E)


def memory_of(*scores: float, fill: int = 21) -> InMemoryStudy:
    """Full runs with these constant scores, and as many failed-looking trials as fill numbers."""
    memory = InMemoryStudy("study")
    for score in scores:
        add_finished(memory, [score] * E)
    while len(memory) < fill:
        add_finished(memory, [0.0], Pruned(kind="behind", reason="only takes a number"))
    return memory


def decide(
    memory: InMemoryStudy, scores: Sequence[float], pruner: CompetitivePruner = PRUNER
) -> Verdict:
    number = memory.add(running())
    for evaluation, score in enumerate(scores, start=1):
        memory.report(number, evaluation, score)
    return pruner.decide(memory.study, memory.trial(number))


FULL = (10.0, 20.0, 30.0, 40.0, 50.0)  # the threshold of the best 75 % is 20


def test_a_trial_below_the_threshold_is_pruned_with_the_figures() -> None:
    assert decide(memory_of(*FULL), [19.0] * 10) == Prune(
        kind="behind",
        reason="mean of the last 3 scores is 19.00 (under 20.00, the threshold of the best 75 % of"
        " 5 full runs) at evaluation 10",
    )


def test_a_trial_on_the_bar_is_kept() -> None:
    assert decide(memory_of(*FULL), [20.0] * 10) == Keep()


@pytest.mark.parametrize(("evaluation", "kept"), [(1, True), (9, True), (10, False), (19, False)])
def test_nothing_is_stopped_before_half_of_the_run(evaluation: int, kept: bool) -> None:
    assert (decide(memory_of(*FULL), [0.0] * evaluation) == Keep()) is kept


def test_nothing_is_stopped_at_the_last_evaluation() -> None:
    assert decide(memory_of(*FULL), [0.0] * E) == Keep()


def test_a_trial_without_a_report_is_kept() -> None:
    assert decide(memory_of(*FULL), []) == Keep()


@pytest.mark.parametrize("number", [0, 1, 19, 20, 30, 100])
def test_immune_trials_run_to_their_end(number: int) -> None:
    assert PRUNER.is_immune(number)
    if number >= len(FULL):
        assert decide(memory_of(*FULL, fill=number), [0.0] * 15) == Keep()


@pytest.mark.parametrize("number", [21, 25, 29, 31, 101])
def test_other_trials_are_not_immune(number: int) -> None:
    assert not PRUNER.is_immune(number)
    assert isinstance(decide(memory_of(*FULL, fill=number), [0.0] * 15), Prune)


def test_there_must_be_five_full_runs() -> None:
    assert decide(memory_of(*FULL[:4]), [0.0] * 15) == Keep()


def test_pruned_trials_do_not_lower_the_bar() -> None:
    memory = memory_of(*FULL)
    for _ in range(20):
        add_finished(memory, [0.0] * 15, Pruned(kind="behind", reason="why"))
    number = len(memory)
    assert not PRUNER.is_immune(number)
    assert isinstance(decide(memory, [19.0] * 10), Prune)


def test_the_mean_of_three_forgives_one_bad_look_and_forgets_an_early_peak() -> None:
    assert decide(memory_of(*FULL), [25.0] * 9 + [11.0]) == Keep()  # mean 20.3
    assert isinstance(decide(memory_of(*FULL), [99.0] * 7 + [19.0] * 3), Prune)


def test_full_runs_are_averaged_over_the_same_evaluations() -> None:
    memory = InMemoryStudy("study")
    for _ in range(5):
        add_finished(memory, [10.0] * 7 + [20.0, 30.0, 40.0] + [90.0] * 10)  # mean at 10 is 30
    while len(memory) < 21:
        add_finished(memory, [0.0], Pruned(kind="behind", reason="only takes a number"))
    assert decide(memory, [30.0] * 10) == Keep()
    assert isinstance(decide(memory_of(*[30.0] * 5), [29.9] * 10), Prune)


def test_a_score_that_was_skipped_is_left_out_of_the_mean() -> None:
    memory = memory_of(*FULL)
    number = memory.add(running())
    for evaluation, score in ((8, 19.0), (10, 22.0)):
        memory.report(number, evaluation, score)
    assert PRUNER.decide(memory.study, memory.trial(number)) == Keep()  # mean 20.5
