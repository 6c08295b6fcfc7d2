"""Bounds near which the best trials crowd: one definition for warnings, checks and advice."""

import pytest

from search.quality.bounds import MANY, SEVERAL, TOP, crowded_bounds
from tests.unit.search.builders import SPACE

INSIDE = {"lambda_self": 0.4, "b_self": 0.5, "lambda_cmcs.depth": 2.0}


def found(near: int, *, name: str = "b_self", value: float = 0.97) -> list[str]:
    best = [{**INSIDE, name: value}] * near + [INSIDE] * (TOP - near)
    return [each.text for each in crowded_bounds(SPACE.hyper_parameters, best)]


@pytest.mark.parametrize("near", [SEVERAL, MANY, TOP])
def test_several_of_the_best_are_worth_a_word(near: int) -> None:
    assert found(near) == [
        f"{near} of the best 10 runs are within 5 % of the upper bound 1 of b_self"
    ]


def test_fewer_are_chance() -> None:
    assert found(SEVERAL - 1) == []


def test_the_best_one_has_to_be_among_them() -> None:
    best = [INSIDE] + [{**INSIDE, "b_self": 0.97}] * 9
    assert crowded_bounds(SPACE.hyper_parameters, best) == ()


def test_nearness_is_measured_on_the_scale_of_the_search() -> None:
    assert found(3, name="lambda_cmcs.depth", value=0.06)  # 3 % of three decades above 0.05
    assert found(3, name="lambda_cmcs.depth", value=0.07) == []
    assert found(3, value=0.94) == []


def test_a_bound_that_switches_a_term_off_is_ignored() -> None:
    assert found(10, name="lambda_self", value=0.0) == []


def test_trials_of_another_space_and_few_trials_are_not_an_error() -> None:
    assert crowded_bounds(SPACE.hyper_parameters, [{"other": 1.0}] * 5) == ()
    assert crowded_bounds(SPACE.hyper_parameters, []) == ()
