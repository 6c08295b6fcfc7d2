import math

import numpy as np
import pytest

from search.quality.expected import (
    LEAST_COMPLETE,
    Expected,
    NotExpected,
    Point,
    PointKind,
    expect,
)
from search.spaces import Space
from trainer.hyper_parameters import HyperParameter
from trainer.seeds import numpy_generator

SPACE = Space(
    (
        HyperParameter(name="weight", low=0.01, high=100.0, default=1.0, log=True),
        HyperParameter(name="bias", low=-1.0, high=1.0, default=0.0),
        HyperParameter(name="idle", low=0.0, high=1.0, default=0.5),
    )
)
NOISE = 1.5  # deviation of a value around its truth


def truth(params: dict[str, float]) -> float:
    """At most 30, where the weight is 1 and the bias 0."""
    return 30 - 2 * math.log10(params["weight"]) ** 2 - 4 * params["bias"] ** 2


def points(count: int, *, seed: int = 0, noise: float = NOISE) -> list[Point]:
    generator = numpy_generator("test of the expectation", seed)
    made = []
    for number in range(count):
        shares = generator.random(3)
        params = {
            "weight": float(10 ** (4 * shares[0] - 2)),
            "bias": float(2 * shares[1] - 1),
            "idle": float(shares[2]),
        }
        value = truth(params) + noise * float(generator.normal())
        made.append(Point(number=number, params=params, value=value, kind="complete"))
    return made


def expected(made: list[Point]) -> Expected:
    found = expect(made, SPACE)
    assert isinstance(found, Expected)
    return found


def test_the_expectation_removes_most_of_the_optimism_of_the_best_value() -> None:
    claims, expectations = [], []
    for seed in range(3):
        made = points(60, seed=seed)
        best = max(made, key=lambda point: point.value or 0)
        found = expected(made)
        claims.append((best.value or 0) - truth(dict(best.params)))
        expectations.append(found.mean - truth(dict(made[found.trial].params)))
        assert found.low < found.mean < found.high
        assert found.trials == 60
    assert np.mean(claims) > 2
    assert abs(np.mean(expectations)) < 0.25 * np.mean(claims)


def test_the_noise_is_that_of_single_runs() -> None:
    assert expected(points(80)).noise == pytest.approx(NOISE, rel=0.25)
    assert expected(points(40, noise=0.0)).noise < 0.2


def test_the_same_trials_always_give_the_same_expectation() -> None:
    assert expect(points(40), SPACE) == expect(points(40), SPACE)


def test_every_complete_trial_is_ranked_by_the_model_and_not_by_its_value() -> None:
    made = points(40)
    found = expected(made)
    assert sorted(number for number, _ in found.ranking) == list(range(40))
    means = [mean for _, mean in found.ranking]
    assert means == sorted(means, reverse=True)
    assert found.ranking[0] == (found.trial, found.mean)
    by_value = sorted(made, key=lambda point: -(point.value or 0))
    assert [point.number for point in by_value[:5]] != [number for number, _ in found.ranking[:5]]


@pytest.mark.parametrize("value", [None, 1e9, math.nan])
def test_a_collapsed_trial_counts_as_the_worst_at_any_value(value: float | None) -> None:
    collapsed: PointKind = "collapsed"
    made = points(40)
    spoilt = Point(number=40, params=made[0].params, value=value, kind=collapsed)
    worst = min(point.value or 0 for point in made)
    stand_in = Point(number=40, params=made[0].params, value=worst, kind="behind")
    assert expect([*made, spoilt], SPACE) == expect([*made, stand_in], SPACE)
    assert all(number != 40 for number, _ in expected([*made, spoilt]).ranking)


def test_a_few_trials_have_no_expectation() -> None:
    made = points(LEAST_COMPLETE - 1)
    behind = Point(number=99, params=made[0].params, value=1.0, kind="behind")
    assert expect([*made, behind], SPACE) == NotExpected(
        reason="needs 10 complete trials, there are 9"
    )
    assert isinstance(expect(points(LEAST_COMPLETE), SPACE), Expected)


def test_equal_values_have_no_expectation() -> None:
    made = [Point(number=n, params=SPACE.defaults, value=3.0, kind="complete") for n in range(12)]
    assert expect(made, SPACE) == NotExpected(reason="all trials have the same value")


def test_a_trial_without_all_parameters_is_ignored() -> None:
    made = points(30)
    assert expect([*made, Point(number=30, params={}, value=99.0, kind="complete")], SPACE) == (
        expect(made, SPACE)
    )


def test_a_large_study_is_fitted_in_part_and_used_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.quality.surrogate.MOST_FITTED", 40)
    monkeypatch.setattr("search.quality.expected.MOST_TRIALS", 60)
    found = expected(points(90))
    assert found.trials == len(found.ranking) == 60
    assert found.mean == pytest.approx(30, abs=2)
