"""Separation of the clusters in the frozen features."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_SILHOUETTE"]

FROZEN_SILHOUETTE = Criterion(
    name="frozen_silhouette",
    needs_labels=False,
    sentence="Silhouette by cosine in the frozen features of all modalities, from -1 to 1.",
    compute=of_labelling(lambda labelling: labelling.frozen_silhouette),
    least_images=2,
    printed=False,
)
