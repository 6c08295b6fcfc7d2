"""Scores from a count matrix: Hungarian matching, mean IoU in two conventions, accuracy.

Letters of shapes: ``docs/architecture.md``.

No prediction is dropped: a pixel whose cluster matches no class counts as a miss (the published
code masks it out).
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from trainer.records import Scores

__all__ = ["UNDEFINED", "class_iou", "cluster_of_class", "match_clusters", "scores_of"]

#: Scores of a split without labels.
UNDEFINED = Scores(miou=math.nan, miou_all=math.nan, accuracy=math.nan)

Counts = NDArray[np.int64]


def cluster_of_class(counts_YZ: Counts) -> NDArray[np.int64]:
    """The cluster that is matched with each class, for the largest total of matched pixels.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each cluster (column).

    Returns:
        Clusters with shape (Y,), each once.
    """
    _, matched = scipy.optimize.linear_sum_assignment(counts_YZ, maximize=True)
    return np.asarray(matched, dtype=np.int64)


def match_clusters(counts_YZ: Counts) -> Counts:
    """Columns reordered to the classes they match, for the largest total of matched pixels.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each cluster (column).

    Returns:
        Counts with shape (Y, Z): the matched clusters in class order, then the unmatched.
    """
    matched = cluster_of_class(counts_YZ)
    unmatched = np.setdiff1d(np.arange(counts_YZ.shape[1]), matched)
    return counts_YZ[:, np.concatenate([matched, unmatched])]


def scores_of(counts_YZ: Counts) -> Scores:
    """Scores of predictions in which column y means class y.

    Args:
        counts_YZ: Labelled pixels of each class (row) and prediction (column).

    Returns:
        Percentages; all NaN if no pixel is labelled.
    """
    total = int(counts_YZ.sum())
    if total == 0:
        return UNDEFINED
    right_Y, union_Y = _overlap(counts_YZ)
    occurs = union_Y > 0
    iou = right_Y[occurs] / union_Y[occurs]
    return Scores(
        miou=100 * float(iou.mean()),
        miou_all=100 * float(iou.sum()) / len(counts_YZ),
        accuracy=100 * float(right_Y.sum()) / total,
    )


def class_iou(counts_YZ: Counts) -> tuple[float, ...]:
    """IoU of each class in percent; NaN for one that is neither in the labels nor predicted.

    Args:
        counts_YZ: Labelled pixels of each class (row) and prediction (column), of which column y
            means class y.
    """
    right_Y, union_Y = _overlap(counts_YZ)
    return tuple(
        100 * right / union if union else math.nan
        for right, union in zip(right_Y.tolist(), union_Y.tolist(), strict=True)
    )


def _overlap(counts_YZ: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of each class that are predicted as it, and those that are it or predicted as it."""
    right_Y = np.diagonal(counts_YZ).astype(np.float64)
    predicted_Y = counts_YZ[:, : len(counts_YZ)].sum(axis=0)
    return right_Y, counts_YZ.sum(axis=1) + predicted_Y - right_Y
