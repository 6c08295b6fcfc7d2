"""The mean IoU of the cluster probe."""

from trainer.scoring.criteria.criterion import Criterion

__all__ = ["MIOU"]

MIOU = Criterion(
    name="miou",
    needs_labels=True,
    sentence="Mean IoU of the cluster probe over the classes that occur, in percent.",
    compute=lambda evidence: evidence.cluster.miou,
)
