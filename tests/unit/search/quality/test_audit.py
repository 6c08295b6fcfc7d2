"""The runs that a pruner would have lost among those that were immune."""

import math

import pytest
from scipy.stats import beta

from search.quality.audit import Audit, NotAudited, audit, upper_bound

VALUES = {number: float(number) for number in range(10)}


@pytest.mark.parametrize(("trials", "shown"), [(20, "14"), (21, "13"), (59, "5")])
def test_the_bound_without_a_loss(trials: int, shown: str) -> None:
    found = upper_bound(0, trials)
    assert found == pytest.approx(1 - 0.05 ** (1 / trials))
    assert f"{100 * found:.0f}" == shown


@pytest.mark.parametrize(("events", "trials"), [(0, 1), (1, 21), (7, 30), (29, 30), (400, 2000)])
def test_the_bound_is_that_of_the_beta_distribution(events: int, trials: int) -> None:
    expected = beta.ppf(0.95, events + 1, trials - events)
    assert upper_bound(events, trials) == pytest.approx(expected, rel=1e-9)


def test_the_bound_of_losses_only_is_one() -> None:
    assert upper_bound(3, 3) == 1.0


def found(stopped: list[int], *, immune: list[int] | None = None) -> Audit:
    numbers = list(VALUES) if immune is None else immune
    made = audit("competitive", VALUES, immune=numbers, judged=numbers[2:], stopped=stopped)
    assert isinstance(made, Audit)
    return made


def test_only_a_run_in_the_best_fifth_is_a_loss() -> None:
    made = found([8, 3, 7])
    assert (made.runs, made.unjudged) == (8, 2)
    assert (made.stopped, made.lost) == ((3, 7, 8), (8,))
    assert made.cost == 0.0  # trial 9 is left
    assert math.isclose(made.bound, upper_bound(1, 8))


def test_the_best_value_falls_to_that_of_the_best_run_left() -> None:
    assert found([8, 9]).cost == 2.0


def test_the_fifth_is_one_of_the_immune_runs() -> None:
    assert found([4], immune=[0, 1, 2, 3, 4]).lost == (4,)
    assert found([4]).lost == ()


def test_without_a_verdict_there_is_no_audit() -> None:
    made = audit("competitive", VALUES, immune=[0, 1], judged=[], stopped=[])
    assert isinstance(made, NotAudited) and "too few full runs" in made.reason
