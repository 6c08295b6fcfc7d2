"""Distance between clusters minus their radius, in the frozen features."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_SEPARABILITY"]

FROZEN_SEPARABILITY = Criterion(
    name="frozen_separability",
    needs_labels=False,
    sentence="Distance to the nearest cluster minus the radius, in frozen features, -1 to 2.",
    compute=of_labelling(lambda labelling: labelling.frozen_separability),
    least_images=2,
    printed=False,
)
