"""Criteria: the named numbers that result from an evaluation.

A new criterion is one file and one line in the table; it is then part of reports, checkpoints, the
database and logs.
"""

from collections.abc import Mapping

from trainer.scoring.criteria.accuracy import ACCURACY
from trainer.scoring.criteria.cluster_entropy import CLUSTER_ENTROPY
from trainer.scoring.criteria.code_silhouette import CODE_SILHOUETTE
from trainer.scoring.criteria.code_stability import CODE_STABILITY
from trainer.scoring.criteria.criterion import Criterion, Evidence
from trainer.scoring.criteria.frozen_dse import FROZEN_DSE
from trainer.scoring.criteria.frozen_knn import FROZEN_KNN
from trainer.scoring.criteria.frozen_knn_min import FROZEN_KNN_MIN
from trainer.scoring.criteria.frozen_probe import FROZEN_PROBE
from trainer.scoring.criteria.frozen_separability import FROZEN_SEPARABILITY
from trainer.scoring.criteria.frozen_silhouette import FROZEN_SILHOUETTE
from trainer.scoring.criteria.image_dependence import IMAGE_DEPENDENCE
from trainer.scoring.criteria.label_free import LABEL_FREE
from trainer.scoring.criteria.largest_share import LARGEST_SHARE
from trainer.scoring.criteria.linear_miou import LINEAR_MIOU
from trainer.scoring.criteria.mean_cosine import MEAN_COSINE
from trainer.scoring.criteria.miou import MIOU
from trainer.scoring.criteria.position_dependence import POSITION_DEPENDENCE

__all__ = ["CRITERIA", "Criterion", "Evidence", "compute_criteria"]

#: Every criterion by name.
CRITERIA: Mapping[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        MIOU,
        ACCURACY,
        LINEAR_MIOU,
        CLUSTER_ENTROPY,
        LARGEST_SHARE,
        MEAN_COSINE,
        FROZEN_KNN,
        FROZEN_KNN_MIN,
        FROZEN_SILHOUETTE,
        FROZEN_PROBE,
        FROZEN_SEPARABILITY,
        FROZEN_DSE,
        CODE_SILHOUETTE,
        CODE_STABILITY,
        IMAGE_DEPENDENCE,
        POSITION_DEPENDENCE,
        LABEL_FREE,
    )
}


def compute_criteria(evidence: Evidence) -> dict[str, float]:
    """Every criterion of the table; NaN where one is undefined."""
    return {name: criterion.compute(evidence) for name, criterion in CRITERIA.items()}
