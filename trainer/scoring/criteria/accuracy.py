"""The pixel accuracy of the cluster probe."""

from trainer.scoring.criteria.criterion import Criterion

__all__ = ["ACCURACY"]

ACCURACY = Criterion(
    name="accuracy",
    needs_labels=True,
    sentence="Share of labelled pixels that the cluster probe gets right, in percent.",
    compute=lambda evidence: evidence.cluster.accuracy,
)
