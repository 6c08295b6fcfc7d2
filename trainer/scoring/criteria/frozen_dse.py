"""Separability plus effective dimension of the clusters in the frozen features."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_DSE"]

FROZEN_DSE = Criterion(
    name="frozen_dse",
    needs_labels=False,
    sentence="Separability plus the effective dimension of the clusters' means, from -1 to 3.",
    compute=of_labelling(lambda labelling: labelling.frozen_dse),
    least_images=2,
    printed=False,
)
