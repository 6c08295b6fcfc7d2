"""Label-free signs of collapse: how evenly clusters are used, how alike the codes are.

Letters of shapes: ``docs/architecture.md``.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trainer.records import Signals

__all__ = ["signals_of"]


def signals_of(
    *, use_Z: NDArray[np.int64], unit_sum_K: NDArray[np.float64], codes: int, finite: bool
) -> Signals:
    """The signs of one evaluation.

    Args:
        use_Z: Pixels in each cluster, labelled or not.
        unit_sum_K: Sum of the unit codes of all tokens of the split.
        codes: How many codes were summed.
        finite: Whether all losses since the last evaluation and all codes were finite.
    """
    shares = use_Z / use_Z.sum()
    used = shares[shares > 0]
    entropy = -float((used * np.log(used)).sum())
    return Signals(
        cluster_entropy=entropy / math.log(len(use_Z)) if len(use_Z) > 1 else 1.0,
        largest_share=float(shares.max()),
        mean_cosine=_mean_cosine(unit_sum_K, codes),
        finite=finite,
    )


def _mean_cosine(unit_sum_K: NDArray[np.float64], codes: int) -> float:
    """Mean cosine of all pairs of different codes: |sum|^2 is the sum over all pairs."""
    if codes < 2:
        return 1.0
    return (float(unit_sum_K @ unit_sum_K) - codes) / (codes * (codes - 1))
