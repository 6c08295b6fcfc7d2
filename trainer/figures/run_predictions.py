"""Predictions of a run for a split, with the names and colours of its clusters.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.datasets.base import Label
from trainer.engine.run import Run
from trainer.features.dataset_features import DatasetFeatures, Features, TestSplit, ValSplit
from trainer.figures.colour import Colour, picture_palette
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.naming import Naming, name_clusters
from trainer.scoring.prediction import codes_of, predict

__all__ = ["RunPredictions", "spread"]


def spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` indices below ``count``, spread evenly."""
    return sorted({round(index) for index in np.linspace(0, count - 1, wanted)})


@dataclass(frozen=True, kw_only=True)
class RunPredictions:
    """One run on one split, with its current weights."""

    run: Run
    dataset_features: DatasetFeatures
    split: Literal["val", "test"]
    evaluation: Evaluation
    device: torch.device

    @property
    def images(self) -> ValSplit | TestSplit:
        """The split's images."""
        return self.dataset_features.evaluated(self.split)

    @property
    def labelled(self) -> bool:
        """Whether clusters can be named, which needs the labels of the split."""
        return bool(self.evaluation.cluster_counts_YZ.any())

    @property
    def naming(self) -> Naming:
        """Names of the clusters according to the labels of the split."""
        return name_clusters(
            self.evaluation.cluster_counts_YZ,
            self.dataset_features.classes,
            images=len(self.images),
            split=self.split,
        )

    @property
    def palette(self) -> tuple[Colour, ...]:
        """One colour per name."""
        own = picture_palette(
            self.dataset_features.palette, chosen=self.dataset_features.palette_chosen
        )
        return self.naming.colours(own)

    def named_counts(self) -> NDArray[np.int64]:
        """Labelled pixels of each class (row) in the cluster of each name (column)."""
        counts_YZ, naming = self.evaluation.cluster_counts_YZ, self.naming
        named = np.zeros((len(counts_YZ), len(naming.names)), dtype=np.int64)
        named[:, naming.index_of_cluster_Z] = counts_YZ
        return named

    def class_maps(self, indices: Sequence[int]) -> list[Label]:
        """Predictions of the cluster probe: indices of :attr:`naming`."""
        labels, grid = self.images.labels, self.grid
        side = self.run.config.features.eval_resolution
        size = (side, side) if labels is None else (labels.shape[1], labels.shape[2])
        scored = self.run.scored()
        maps = self.features(indices)
        with torch.no_grad():
            codes = codes_of(scored, maps, self.dataset_features.modalities, self.device)
            made = predict(codes, scored, grid=grid, size=size)
        clusters_Nhw = made.clusters_Nhw.cpu().numpy()
        return list(self.naming.apply(clusters_Nhw))

    def features(self, indices: Sequence[int]) -> dict[str, Features]:
        """Frozen features of images, by modality, with shape (N, H, W, C)."""
        return {name: maps[list(indices)] for name, maps in self.images.features.items()}

    @property
    def grid(self) -> tuple[int, int]:
        """Tokens down and across (H, W)."""
        shape = self.images.features[self.dataset_features.modalities[0]].shape
        return shape[1], shape[2]
