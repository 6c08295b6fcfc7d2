"""Agreement of clusters with nearest neighbours in the frozen features."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_KNN"]

FROZEN_KNN = Criterion(
    name="frozen_knn",
    needs_labels=False,
    sentence="Agreement with the 10 nearest tokens of other images, kappa, mean over modalities.",
    compute=of_labelling(lambda labelling: labelling.neighbour_agreement),
    least_images=2,
    printed=False,
)
