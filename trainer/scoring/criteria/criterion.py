"""What a criterion is: one number that an evaluation gives a run, with or without labels.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.records import Scores

__all__ = ["Criterion", "Evidence"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one pass over a split counted."""

    #: Scores of the cluster probe after Hungarian matching; NaN without labels.
    cluster: Scores
    #: Scores of the linear probe; NaN without labels.
    linear: Scores
    #: Pixels in each cluster, labelled or not: (Z,).
    use_Z: NDArray[np.int64]
    #: Sum of the unit codes of all tokens of the split: (K,).
    unit_sum_K: NDArray[np.float64]
    #: How many codes were summed.
    codes: int


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A number by name, and how it is computed."""

    #: Its name in reports; never changes, since reports are stored.
    name: str
    #: Whether it needs labels on the evaluated split.
    needs_labels: bool
    #: What it measures, in one sentence with the range.
    sentence: str
    #: Computes it; NaN where it is undefined.
    compute: Callable[[Evidence], float]
