"""Interface of a criterion: one number that results from an evaluation.

Letters of shapes: ``docs/architecture.md``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.records import Scores

if TYPE_CHECKING:  # they import torch
    from trainer.scoring.label_free.judge import JudgedLabelling
    from trainer.scoring.label_free.labelling import Labelling

__all__ = ["Criterion", "Evidence", "of_labelling"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Counts of one pass over a split."""

    #: Scores of the cluster probe after Hungarian matching; NaN without labels.
    cluster: Scores
    #: Scores of the linear probe; NaN without labels.
    linear: Scores
    #: Pixels in each cluster, labelled or not: (Z,).
    use_Z: NDArray[np.int64]
    #: Sum of the unit codes of all tokens of the split: (K,).
    unit_sum_K: NDArray[np.float64]
    #: Number of codes in the sum.
    codes: int
    #: The clusters of sampled tokens, judged in the frozen features; None if they were not.
    judged: "JudgedLabelling | None" = None


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A number with a name, and the function that computes it."""

    #: Its name in reports; never changes, because reports are stored.
    name: str
    #: Whether it needs labels on the evaluated split.
    needs_labels: bool
    #: Its meaning in one sentence, with the range.
    sentence: str
    #: Computes it; NaN if it is undefined.
    compute: Callable[[Evidence], float]
    #: Whether a lower number is better.
    lower_is_better: bool = False
    #: Number of images in the split below which it is undefined.
    least_images: int = 1
    #: Whether ``fit`` prints it; those of a report's records are printed anyway.
    printed: bool = True


def of_labelling(measure: "Callable[[Labelling], float]") -> Callable[[Evidence], float]:
    """Computes a criterion from the clusters of sampled tokens; NaN if there are none."""
    return lambda evidence: (
        math.nan if evidence.judged is None else measure(evidence.judged.labelling)
    )
