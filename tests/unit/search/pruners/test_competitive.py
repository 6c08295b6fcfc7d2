from collections.abc import Sequence

import pytest

from search.driver.in_memory_study import Mirror
from search.pruners.competitive import CompetitivePruner
from search.records.outcome import Keep, Prune, Pruned, Verdict
from tests.unit.search.builders import add_finished, running

E = 20
PRUNER = CompetitivePruner(evaluations=E)


def mirror_of(*scores: float, fill: int = 21) -> Mirror:
    """Full runs with these constant scores, and as many failed-looking trials as fill numbers."""
    mirror = Mirror("study")
    for score in scores:
        add_finished(mirror, [score] * E)
    while len(mirror) < fill:
        add_finished(mirror, [0.0], Pruned(kind="behind", reason="only takes a number"))
    return mirror


def decide(mirror: Mirror, scores: Sequence[float], pruner: CompetitivePruner = PRUNER) -> Verdict:
    number = mirror.add(running())
    for evaluation, score in enumerate(scores, start=1):
        mirror.report(number, evaluation, score)
    return pruner.decide(mirror.study, mirror.trial(number))


FULL = (10.0, 20.0, 30.0, 40.0, 50.0)  # the bar of the best 75 % is 20


def test_a_trial_under_the_bar_is_behind_and_says_by_how_much() -> None:
    assert decide(mirror_of(*FULL), [19.0] * 10) == Prune(
        kind="behind",
        reason="mean of the last 3 scores is 19.00 (under 20.00, the bar of the best 75 % of"
        " 5 full runs) at evaluation 10",
    )


def test_a_trial_on_the_bar_is_kept() -> None:
    assert decide(mirror_of(*FULL), [20.0] * 10) == Keep()


@pytest.mark.parametrize(("evaluation", "kept"), [(1, True), (9, True), (10, False), (19, False)])
def test_nothing_is_stopped_before_half_of_the_run(evaluation: int, kept: bool) -> None:
    assert (decide(mirror_of(*FULL), [0.0] * evaluation) == Keep()) is kept


def test_nothing_is_stopped_at_the_last_evaluation() -> None:
    assert decide(mirror_of(*FULL), [0.0] * E) == Keep()


def test_a_trial_without_a_report_is_kept() -> None:
    assert decide(mirror_of(*FULL), []) == Keep()


@pytest.mark.parametrize("number", [0, 1, 19, 20, 30, 100])
def test_immune_trials_run_to_their_end(number: int) -> None:
    assert PRUNER.is_immune(number)
    if number >= len(FULL):
        assert decide(mirror_of(*FULL, fill=number), [0.0] * 15) == Keep()


@pytest.mark.parametrize("number", [21, 25, 29, 31, 101])
def test_other_trials_are_not_immune(number: int) -> None:
    assert not PRUNER.is_immune(number)
    assert isinstance(decide(mirror_of(*FULL, fill=number), [0.0] * 15), Prune)


def test_there_must_be_five_full_runs() -> None:
    assert decide(mirror_of(*FULL[:4]), [0.0] * 15) == Keep()


def test_pruned_trials_do_not_lower_the_bar() -> None:
    mirror = mirror_of(*FULL)
    for _ in range(20):
        add_finished(mirror, [0.0] * 15, Pruned(kind="behind", reason="why"))
    number = len(mirror)
    assert not PRUNER.is_immune(number)
    assert isinstance(decide(mirror, [19.0] * 10), Prune)


def test_the_mean_of_three_forgives_one_bad_look_and_forgets_an_early_peak() -> None:
    assert decide(mirror_of(*FULL), [25.0] * 9 + [11.0]) == Keep()  # mean 20.3
    assert isinstance(decide(mirror_of(*FULL), [99.0] * 7 + [19.0] * 3), Prune)


def test_full_runs_are_averaged_over_the_same_evaluations() -> None:
    mirror = Mirror("study")
    for _ in range(5):
        add_finished(mirror, [10.0] * 7 + [20.0, 30.0, 40.0] + [90.0] * 10)  # mean at 10 is 30
    while len(mirror) < 21:
        add_finished(mirror, [0.0], Pruned(kind="behind", reason="only takes a number"))
    assert decide(mirror, [30.0] * 10) == Keep()
    assert isinstance(decide(mirror_of(*[30.0] * 5), [29.9] * 10), Prune)


def test_a_score_that_was_skipped_is_left_out_of_the_mean() -> None:
    mirror = mirror_of(*FULL)
    number = mirror.add(running())
    for evaluation, score in ((8, 19.0), (10, 22.0)):
        mirror.report(number, evaluation, score)
    assert PRUNER.decide(mirror.study, mirror.trial(number)) == Keep()  # mean 20.5
