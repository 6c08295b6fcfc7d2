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

__all__ = ["UNDEFINED", "cluster_of_class", "match_clusters", "scores_of"]

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
    classes = len(counts_YZ)
    right = np.diagonal(counts_YZ).astype(np.float64)
    union = counts_YZ.sum(axis=1) + counts_YZ[:, :classes].sum(axis=0) - right
    occurs = union > 0
    iou = right[occurs] / union[occurs]
    return Scores(
        miou=100 * float(iou.mean()),
        miou_all=100 * float(iou.sum()) / classes,
        accuracy=100 * float(right.sum()) / total,
    )
