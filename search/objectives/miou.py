"""The objective ``miou``: only the mean IoU, which papers compare."""

from search.objectives.objective import Objective

__all__ = ["MIOU"]

MIOU = Objective(
    name="miou",
    label="mIoU",
    unit="%",
    sentence="Mean IoU of the cluster probe on val; rare classes count as much as frequent ones.",
    criteria=("miou",),
    formula=lambda criteria: criteria["miou"],
)
