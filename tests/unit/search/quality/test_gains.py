"""Predicted gains of more work, against draws with known gains."""

import math

import numpy as np
import pytest

from search.quality.gains import Gain, gain_of_confirming, gain_of_more
from trainer.seeds import numpy_generator

FINISHED, MORE, STUDIES = 100, 50, 400
SCALE = 2.0


def exponential(seed: int, count: int) -> list[float]:
    generator = numpy_generator("test of gains", seed)
    return [float(value) for value in generator.exponential(SCALE, count)]


def test_more_trials_gain_as_predicted_where_the_tail_is_exponential() -> None:
    promised, deviations, gained = [], [], []
    for seed in range(STUDIES):
        values = exponential(seed, FINISHED + MORE)
        found = gain_of_more(values[:FINISHED], finished=FINISHED, more=MORE)
        assert found is not None
        promised.append(found.mean)
        deviations.append(found.deviation)
        gained.append(max(values) - max(values[:FINISHED]))
    error = np.std(gained) / math.sqrt(STUDIES)
    assert abs(np.mean(promised) - np.mean(gained)) < 4 * error
    assert np.mean(deviations) == pytest.approx(np.std(gained), rel=0.25)
    assert np.mean(promised) == pytest.approx(SCALE * math.log(1.5), rel=0.1)


def test_low_values_and_their_number_matter_only_by_the_number_of_trials() -> None:
    values = exponential(1, 60)
    few = gain_of_more(values, finished=60, more=20)
    many = gain_of_more(values, finished=200, more=20)
    assert few and many and many.mean < few.mean


@pytest.mark.parametrize("values", [[], [1.0] * 4])
def test_too_few_values_predict_no_gain(values: list[float]) -> None:
    assert gain_of_more(values, finished=10, more=10) is None


def test_equal_values_gain_nothing() -> None:
    assert gain_of_more([3.0] * 20, finished=20, more=10) == Gain(mean=0.0, deviation=0.0)


def test_choosing_between_two_equal_trials_without_noise_gains_the_expected_maximum() -> None:
    found = gain_of_confirming([30.0, 30.0], [1.0, 1.0], noise=0.0, seeds=5)
    assert found.mean == pytest.approx(1 / math.sqrt(math.pi), abs=0.05)
    assert found.changes == pytest.approx(0.5, abs=0.03)


def test_choosing_by_noise_alone_gains_nothing() -> None:
    found = gain_of_confirming([30.0, 29.0], [0.0, 0.0], noise=3.0, seeds=2)
    assert found.mean < 0 and 0 < found.changes < 0.5


def test_the_same_study_always_promises_the_same() -> None:
    first, second = (
        gain_of_confirming([30.0, 29.9], [0.5, 0.5], noise=1.0, seeds=5) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [(0.21, 0.34, "0.2 ± 0.3"), (12.34, 3.2, "12.3 ± 3.2"), (0.012, 0.034, "0.01 ± 0.03")],
)
def test_a_gain_has_the_digits_that_it_deserves(mean: float, deviation: float, text: str) -> None:
    assert Gain(mean=mean, deviation=deviation).text == text
