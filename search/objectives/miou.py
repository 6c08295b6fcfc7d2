"""The objective ``miou``: the figure that papers compare, and nothing beside it."""

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
