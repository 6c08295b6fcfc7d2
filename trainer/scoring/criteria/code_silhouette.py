"""Separation of the clusters in the run's own codes.

It can be deceived: random clusters of one-hot codes have the largest possible value.
"""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["CODE_SILHOUETTE"]

CODE_SILHOUETTE = Criterion(
    name="code_silhouette",
    needs_labels=False,
    sentence="Silhouette by cosine in the codes of the run itself, from -1 to 1.",
    compute=of_labelling(lambda labelling: labelling.code_silhouette),
    least_images=2,
    printed=False,
)
