"""The label-free composite (``trainer/scoring/label_free/judge.py``)."""

import math

from trainer.scoring.criteria.criterion import Criterion

__all__ = ["LABEL_FREE"]

LABEL_FREE = Criterion(
    name="label_free",
    needs_labels=False,
    sentence="Mean rank of four label-free scores in a fixed reference, gated, from 0 to 100.",
    compute=lambda evidence: math.nan if evidence.judged is None else evidence.judged.composite,
    least_images=2,
)
