"""Signs of collapse at their extremes and against brute force."""

import numpy as np
import pytest

from trainer.scoring.collapse_indicators import signals_of


def signals(use, units):
    return signals_of(
        use_Z=np.array(use), unit_sum_K=units.sum(axis=0), codes=len(units), finite=True
    )


def random_units(count: int = 20):
    vectors = np.random.default_rng(0).normal(size=(count, 3)) + 0.5
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_even_use_has_entropy_one() -> None:
    made = signals([5, 5, 5, 5], random_units())
    assert made.cluster_entropy == pytest.approx(1)
    assert made.largest_share == 0.25


def test_one_cluster_has_entropy_zero() -> None:
    made = signals([0, 9, 0], random_units())
    assert made.cluster_entropy == 0
    assert made.largest_share == 1


def test_two_of_four_clusters() -> None:
    assert signals([3, 3, 0, 0], random_units()).cluster_entropy == pytest.approx(0.5)


def test_mean_cosine_is_that_of_all_pairs() -> None:
    units = random_units()
    cosines = units @ units.T
    pairs = cosines[~np.eye(len(units), dtype=bool)]
    assert signals([1, 1], units).mean_cosine == pytest.approx(pairs.mean())


def test_equal_codes_have_cosine_one() -> None:
    assert signals([1, 1], np.tile([0.6, 0.8], (7, 1))).mean_cosine == pytest.approx(1)
