"""How well the clusters generalise to other images, in each modality.

After Gadetsky et al. 2024 (https://arxiv.org/abs/2406.07236): a labelling is good if linear
classifiers in several frozen spaces, trained on the labelling itself, generalise. The spaces
here are those of the modalities.
"""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["FROZEN_PROBE"]

FROZEN_PROBE = Criterion(
    name="frozen_probe",
    needs_labels=False,
    sentence="Agreement with a linear probe fitted to the clusters of other images, kappa.",
    compute=of_labelling(lambda labelling: labelling.probe_agreement),
    least_images=2,
    printed=False,
)
