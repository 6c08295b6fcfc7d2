"""Hungarian matching, the NaN rule and both conventions, on hand-made matrices."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.scoring.metrics import class_iou, match_clusters, scores_of


def counts_of(
    predictions: Iterable[int], labels: Iterable[int], classes: int
) -> NDArray[np.int64]:
    counts = np.zeros((classes, classes), dtype=np.int64)
    for prediction, label in zip(predictions, labels, strict=True):
        if label < classes:
            counts[label, prediction] += 1
    return counts


def test_worked_example() -> None:
    counts = counts_of([0, 0, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 255, 0], 4)
    scores = scores_of(match_clusters(counts))
    assert scores.miou == pytest.approx(38.889, abs=5e-4)
    assert scores.accuracy == pytest.approx(66.667, abs=5e-4)
    assert scores.miou_all == pytest.approx(100 * (1 / 2 + 2 / 3) / 4)


def test_matching_maximises_the_total_of_matched_pixels() -> None:
    # the greedy choice takes 10 and leaves 0; the best total is 9 + 8
    counts = np.array([[10, 9], [8, 0]])
    assert np.trace(match_clusters(counts)) == 17


def test_a_permuted_perfect_prediction_is_perfect() -> None:
    scores = scores_of(match_clusters(np.array([[0, 0, 5], [7, 0, 0], [0, 3, 0]])))
    assert (scores.miou, scores.miou_all, scores.accuracy) == (100, 100, 100)


def test_the_linear_probe_is_not_matched() -> None:
    assert scores_of(np.array([[0, 5], [5, 0]])).accuracy == 0


def test_a_class_absent_and_never_predicted_is_left_out_of_the_mean() -> None:
    scores = scores_of(np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]]))
    assert scores.miou == 100
    assert scores.miou_all == pytest.approx(200 / 3)


def test_a_class_absent_but_predicted_counts_zero() -> None:
    scores = scores_of(np.array([[4, 0, 0], [0, 3, 1], [0, 0, 0]]))
    assert scores.miou == pytest.approx(100 * (1 + 0.75 + 0) / 3)


def test_no_prediction_is_dropped() -> None:
    # the third cluster matches no class: its 40 pixels are misses instead of being dropped
    counts = np.array([[30, 0, 20], [0, 30, 20]])
    scores = scores_of(match_clusters(counts))
    assert scores.accuracy == 60
    assert scores.miou == 60


def test_without_labels_everything_is_undefined() -> None:
    scores = scores_of(match_clusters(np.zeros((3, 3), dtype=np.int64)))
    assert all(math.isnan(each) for each in (scores.miou, scores.miou_all, scores.accuracy))


def test_iou_by_class_is_what_the_mean_is_of() -> None:
    counts_YZ = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    wall, floor, bed = class_iou(counts_YZ)
    assert (wall, floor) == pytest.approx((100 * 6 / 9, 100 * 3 / 6))
    assert math.isnan(bed)  # neither labelled nor predicted
    assert scores_of(counts_YZ).miou == pytest.approx((wall + floor) / 2)


def test_a_prediction_of_no_class_is_a_miss_of_its_own() -> None:
    assert class_iou(np.array([[6, 0, 2], [0, 4, 0]])) == pytest.approx((75.0, 100.0))
