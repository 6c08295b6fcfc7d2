"""Agreement of the clusters with K-means of the run's own codes.

Tidy but meaningless clusters are stable as well.
"""

from trainer.scoring.criteria.criterion import Criterion, of_labelling

__all__ = ["CODE_STABILITY"]

CODE_STABILITY = Criterion(
    name="code_stability",
    needs_labels=False,
    sentence="Adjusted Rand index with K-means of the run's own codes, 1 if equal.",
    compute=of_labelling(lambda labelling: labelling.code_stability),
    least_images=2,
    printed=False,
)
