"""How far clusters follow the images."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["IMAGE_DEPENDENCE"]

IMAGE_DEPENDENCE = Criterion(
    name="image_dependence",
    needs_labels=False,
    sentence="Information of the image on the cluster, as a share of its entropy, from 0 to 1.",
    compute=of_labelling(lambda labelling: labelling.image_dependence),
    lower_is_better=True,
    least_images=2,
    printed=False,
)
