"""How far clusters follow the place in the image."""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["POSITION_DEPENDENCE"]

POSITION_DEPENDENCE = Criterion(
    name="position_dependence",
    needs_labels=False,
    sentence="Information of the place on the cluster, as a share of its entropy, from 0 to 1.",
    compute=of_labelling(lambda labelling: labelling.position_dependence),
    lower_is_better=True,
    least_images=2,
    printed=False,
)
