"""What clusters are called: the classes they match on the val split, if that has labels.

Shape letters: Y classes, h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Label
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import cluster_of_class

__all__ = ["Naming", "name_clusters"]


@dataclass(frozen=True, kw_only=True)
class Naming:
    """From clusters to indices with names."""

    #: Index of each cluster with shape (Y,).
    index_of_cluster_Y: NDArray[np.uint8]
    #: Name of each index.
    names: tuple[str, ...]
    #: One line for the user: where the names come from.
    said: str

    def apply(self, clusters_hw: NDArray[np.uint8]) -> Label:
        """Indices with shape (h, w)."""
        indices: Label = self.index_of_cluster_Y[clusters_hw]
        return indices


def name_clusters(evaluation: Evaluation, classes: tuple[str, ...], images: int) -> Naming:
    """Match clusters with classes as the score on val does, or leave them as they are.

    Args:
        evaluation: Of the checkpoint, on val.
        classes: Class names.
        images: Images of val.
    """
    counts_YY = evaluation.cluster_counts_YY
    if not counts_YY.any():
        return Naming(
            index_of_cluster_Y=np.arange(len(classes), dtype=np.uint8),
            names=tuple(f"cluster {index}" for index in range(len(classes))),
            said="val has no labels to name clusters by: masks hold the clusters' own numbers",
        )
    index_of_cluster_Y = np.empty(len(classes), dtype=np.uint8)
    index_of_cluster_Y[cluster_of_class(counts_YY)] = np.arange(len(classes))
    return Naming(
        index_of_cluster_Y=index_of_cluster_Y,
        names=classes,
        said=f"clusters are named by the labels of the {images} val images (Hungarian matching)",
    )
