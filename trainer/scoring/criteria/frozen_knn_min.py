"""Agreement with nearest neighbours in the modality that agrees least."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_KNN_MIN"]

FROZEN_KNN_MIN = Criterion(
    name="frozen_knn_min",
    needs_labels=False,
    sentence="Agreement with the 10 nearest tokens of other images, kappa, in the worst modality.",
    compute=of_labelling(lambda labelling: min(labelling.neighbour_agreement_M)),
    least_images=2,
    printed=False,
)
