"""The scores that the label-free composite combines, by name.

A new score is one line in the table; its criterion shows it in reports.
"""

from collections.abc import Callable, Mapping
from statistics import fmean

from trainer.scoring.label_free.labelling import Labelling

__all__ = ["SCORES"]

#: From -1 to 1, the higher the better.
SCORES: Mapping[str, Callable[[Labelling], float]] = {
    "frozen_knn": lambda labelling: fmean(labelling.neighbour_agreement_M),
    "frozen_silhouette": lambda labelling: labelling.frozen_silhouette,
    "frozen_probe": lambda labelling: labelling.probe_agreement,
    "code_silhouette": lambda labelling: labelling.code_silhouette,
}
