"""The best evaluation of a run beside its last ones: one definition for warnings and checks."""

import pytest

from search.quality.look import best_look

STEADY = {evaluation: 30.0 + 0.2 * (evaluation % 3) for evaluation in range(1, 11)}


def is_far(height: float, *, spread: float = 0.5) -> bool:
    found = best_look({**STEADY, 4: height}, spread)
    assert found is not None
    return found.is_far


def test_noise_explains_three_deviations() -> None:
    assert not is_far(31.6)  # the median of the last five is 30.2
    assert is_far(31.8)


def test_a_small_difference_is_not_worth_a_word() -> None:
    assert not is_far(30.7, spread=0.001)  # 2 % of 30.2 are 0.6
    assert is_far(30.9, spread=0.001)


@pytest.mark.parametrize(("scores", "spread"), [({1: 9.0, 2: 3.0}, 0.5), (STEADY, None)])
def test_a_short_run_and_an_unknown_deviation_cause_no_warning(
    scores: dict[int, float], spread: float | None
) -> None:
    assert best_look(scores, spread) is None
