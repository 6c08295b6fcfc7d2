"""Share of the split in the largest cluster."""

from trainer.scoring.criteria.criterion import Criterion, Evidence

__all__ = ["LARGEST_SHARE"]


def _largest_share(evidence: Evidence) -> float:
    return float(evidence.use_Z.max() / evidence.use_Z.sum())


LARGEST_SHARE = Criterion(
    name="largest_share",
    needs_labels=False,
    sentence="Share of the pixels in the largest cluster, from 0 to 1.",
    compute=_largest_share,
    lower_is_better=True,
)
