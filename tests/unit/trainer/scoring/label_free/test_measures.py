"""Measures against brute force, and at their extremes."""

import math

import numpy as np
import pytest
import sklearn.metrics
from numpy.typing import NDArray

from trainer.scoring.label_free.measures import (
    adjusted_rand_index,
    cosine_silhouette,
    dependence,
    effective_dimension,
    held_out_agreement,
    neighbour_agreement,
    separability,
    shares_of,
)

GENERATOR = np.random.default_rng(0)
CLUSTERS = GENERATOR.integers(4, size=60)
ONE = np.zeros(60, dtype=np.int64)


def units(count: int = 60, channels: int = 5) -> NDArray[np.float32]:
    rows = GENERATOR.normal(size=(count, channels)).astype(np.float32)
    made: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def test_shares_add_up_and_count_unused_clusters() -> None:
    assert shares_of(np.array([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]


def test_neighbours_in_the_same_cluster_agree() -> None:
    same = np.stack([np.flatnonzero(CLUSTERS == each)[:3] for each in CLUSTERS])
    assert neighbour_agreement(CLUSTERS, same) == pytest.approx(1)


def test_random_neighbours_agree_by_chance() -> None:
    many = GENERATOR.integers(4, size=4000)
    neighbours = GENERATOR.integers(4000, size=(4000, 10))
    assert abs(neighbour_agreement(many, neighbours)) < 0.02


def test_one_cluster_agrees_with_nothing() -> None:
    assert neighbour_agreement(ONE, GENERATOR.integers(60, size=(60, 5))) == 0
    assert held_out_agreement(ONE, ONE) == 0


def brute_silhouette(vectors: NDArray[np.float32], clusters: NDArray[np.int64]) -> float:
    distance, found = 1 - vectors.astype(np.float64) @ vectors.T, []
    for item, own in enumerate(clusters):
        others = np.flatnonzero((clusters == own) & (np.arange(len(clusters)) != item))
        if not len(others):
            found.append(0.0)
            continue
        inside = distance[item, others].mean()
        outside = min(
            distance[item, clusters == each].mean() for each in set(clusters.tolist()) - {own}
        )
        found.append((outside - inside) / max(inside, outside))
    return float(np.mean(found))


def test_the_silhouette_is_that_of_all_pairs() -> None:
    vectors = units()
    assert cosine_silhouette(vectors, CLUSTERS) == pytest.approx(
        brute_silhouette(vectors, CLUSTERS), abs=1e-5
    )
    alone = CLUSTERS.copy()
    alone[7] = 9  # alone in its cluster, and numbers are left out
    assert cosine_silhouette(vectors, alone) == pytest.approx(
        brute_silhouette(vectors, alone), abs=1e-5
    )


def test_silhouettes_at_their_extremes() -> None:
    assert cosine_silhouette(np.eye(4, dtype=np.float32)[CLUSTERS], CLUSTERS) == pytest.approx(1)
    assert cosine_silhouette(units(), ONE) == -1


def test_held_out_agreement_is_cohens_kappa() -> None:
    predicted, actual = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    chance = 0.4 * 0.4 + 0.4 * 0.6
    assert held_out_agreement(predicted, actual) == pytest.approx((0.6 - chance) / (1 - chance))
    assert held_out_agreement(actual, actual) == pytest.approx(1)


def test_dependence_of_groups_that_determine_the_cluster_is_one() -> None:
    counts = np.diag([50, 100, 50])
    assert dependence(counts) == pytest.approx(1)
    assert dependence(np.vstack([counts, counts, np.zeros((2, 3), dtype=np.int64)])) == (
        pytest.approx(1)
    )


def test_dependence_of_independent_labels_is_zero_on_average() -> None:
    """Without the correction it would be 0.03 for these counts."""
    counts = [GENERATOR.multinomial(5000, [1 / 400] * 400).reshape(50, 8) for _ in range(20)]
    assert float(np.mean([dependence(each) for each in counts])) < 0.005


def test_dependence_is_the_share_of_the_entropy() -> None:
    counts = 10_000 * np.array([[3, 1], [1, 3]])
    inside = math.log(2)
    conditional = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert dependence(counts) == pytest.approx((inside - conditional) / inside, abs=1e-4)
    assert dependence(np.array([[5, 0], [7, 0]])) == 0


def test_separability_is_the_distance_to_the_nearest_mean_minus_the_radius() -> None:
    vectors = units()
    means = np.stack([vectors[CLUSTERS == each].mean(axis=0) for each in range(4)])
    found = []
    for own in range(4):
        away = np.linalg.norm(means - means[own], axis=1)
        spread = np.linalg.norm(vectors[CLUSTERS == own] - means[own], axis=1)
        found.append(np.delete(away, own).min() - np.sqrt(np.square(spread).mean()))
    assert separability(vectors, CLUSTERS) == pytest.approx(float(np.mean(found)), abs=1e-5)


def test_separability_at_its_extremes() -> None:
    corners = np.eye(4, dtype=np.float32)[CLUSTERS]
    assert separability(corners, CLUSTERS) == pytest.approx(math.sqrt(2))
    assert separability(units(), ONE) == -1
    assert separability(corners, CLUSTERS) > separability(corners, GENERATOR.permutation(CLUSTERS))


def test_the_effective_dimension_counts_the_directions_of_the_means() -> None:
    even = np.arange(60) % 4
    corners = np.eye(4, dtype=np.float32)[even]
    assert effective_dimension(corners, even, 4) == pytest.approx(1)
    arc = [[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 1, 0, 0]]
    assert effective_dimension(np.array(arc, dtype=np.float32)[even], even, 4) < 0.6
    assert effective_dimension(np.eye(12, dtype=np.float32)[even], even, 10) == pytest.approx(
        1 / 3
    )
    assert effective_dimension(corners, ONE, 4) == 0
    assert math.isnan(effective_dimension(np.full_like(corners, np.nan), even, 4))


def test_the_rand_index_is_that_of_scikit_learn() -> None:
    other = GENERATOR.integers(3, size=60)
    part = np.where(GENERATOR.random(60) < 0.3, other, CLUSTERS)
    for clusters in (other, part):
        assert adjusted_rand_index(CLUSTERS, clusters) == pytest.approx(
            sklearn.metrics.adjusted_rand_score(CLUSTERS, clusters)
        )
    assert adjusted_rand_index(CLUSTERS, (CLUSTERS + 1) % 4) == pytest.approx(1)
    assert adjusted_rand_index(ONE, CLUSTERS) == adjusted_rand_index(CLUSTERS, ONE) == 0
