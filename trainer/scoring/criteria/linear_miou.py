"""The mean IoU of the linear probe."""

from trainer.scoring.criteria.criterion import Criterion

__all__ = ["LINEAR_MIOU"]

LINEAR_MIOU = Criterion(
    name="linear_miou",
    needs_labels=True,
    sentence="Mean IoU of the linear probe over the classes that occur, in percent.",
    compute=lambda evidence: evidence.linear.miou,
)
