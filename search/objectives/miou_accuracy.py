"""The objective ``miou-accuracy``: the one that the authors' released search maximises."""

from collections.abc import Mapping

from search.objectives.objective import Objective

__all__ = ["MIOU_ACCURACY"]

MIOU_WEIGHT = 0.75
ACCURACY_WEIGHT = 0.25


def _weighted(criteria: Mapping[str, float]) -> float:
    return MIOU_WEIGHT * criteria["miou"] + ACCURACY_WEIGHT * criteria["accuracy"]


MIOU_ACCURACY = Objective(
    name="miou-accuracy",
    label=f"{MIOU_WEIGHT:g} mIoU + {ACCURACY_WEIGHT:g} accuracy",
    unit="%",
    sentence="Mean IoU and pixel accuracy of the cluster probe on val, weighted three to one.",
    criteria=("miou", "accuracy"),
    formula=_weighted,
)
