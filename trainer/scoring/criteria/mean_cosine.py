"""Similarity of the codes of a split. Shape letter: K code channels."""

from trainer.scoring.criteria.criterion import Criterion, Evidence

__all__ = ["MEAN_COSINE"]


def _mean_cosine(evidence: Evidence) -> float:
    """Over all pairs of different codes, because |sum|^2 is the sum over all pairs."""
    codes, unit_sum_K = evidence.codes, evidence.unit_sum_K
    if codes < 2:
        return 1.0
    return (float(unit_sum_K @ unit_sum_K) - codes) / (codes * (codes - 1))


MEAN_COSINE = Criterion(
    name="mean_cosine",
    needs_labels=False,
    sentence="Mean cosine of pairs of codes of the whole split, from -1 to 1.",
    compute=_mean_cosine,
    lower_is_better=True,
)
