"""A run's clusters of the sampled tokens, and what the frozen space says of them.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.scoring.clustering import spherical_kmeans
from trainer.scoring.label_free.frozen_space import FrozenSpace, unit_rows
from trainer.scoring.label_free.measures import (
    adjusted_rand_index,
    cosine_silhouette,
    dependence,
    effective_dimension,
    held_out_agreement,
    neighbour_agreement,
    separability,
    shares_of,
)
from trainer.seeds import torch_generator

__all__ = ["Labelling", "LabellingTally"]

REFITS = 2  # of K-means to the run's codes
EVERY = 4  # which token they are fitted to; all tokens are then assigned
BLOCKS = 8  # rows and columns of blocks into which an image is divided


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """The clusters of one evaluation."""

    space: FrozenSpace
    #: Number Y of clusters.
    count: int
    #: Cluster of each sampled token.
    clusters_I: NDArray[np.int64]
    #: Code of each sampled token.
    codes_IK: NDArray[np.float32]

    @cached_property
    def finite(self) -> bool:
        """Whether all codes are."""
        return bool(np.isfinite(self.codes_IK).all())

    @cached_property
    def shares_Y(self) -> NDArray[np.float64]:
        """Share of the tokens in each cluster."""
        return shares_of(self.clusters_I, self.count)

    @cached_property
    def neighbour_agreement_M(self) -> tuple[float, ...]:
        """Agreement with the nearest tokens of other images, per modality."""
        return tuple(
            neighbour_agreement(self.clusters_I, each) for each in self.space.neighbours_MIV
        )

    @cached_property
    def neighbour_agreement(self) -> float:
        """The mean of that over modalities."""
        return float(np.mean(self.neighbour_agreement_M))

    @cached_property
    def frozen_silhouette(self) -> float:
        """Silhouette of the clusters in the frozen features of all modalities together."""
        return cosine_silhouette(self.space.units_IC, self.clusters_I)

    @cached_property
    def code_silhouette(self) -> float:
        """Silhouette of the clusters in the run's own codes; NaN if a code is not finite."""
        if not self.finite:
            return float("nan")
        return cosine_silhouette(unit_rows(self.codes_IK), self.clusters_I)

    @cached_property
    def frozen_separability(self) -> float:
        """Distance between clusters minus their radius, in the frozen features."""
        return separability(self.space.units_IC, self.clusters_I)

    @cached_property
    def frozen_dse(self) -> float:
        """The same plus the effective dimension of the means of the clusters, a share."""
        dimension = effective_dimension(self.space.units_IC, self.clusters_I, self.count)
        return self.frozen_separability + dimension

    @cached_property
    def code_stability(self) -> float:
        """Agreement with K-means of the same codes, mean over a few starts; NaN if not finite."""
        if not self.finite:
            return float("nan")
        if self.shares_Y.max() == 1:
            return 0.0  # whatever K-means finds
        codes_IK, found = torch.from_numpy(self.codes_IK), []
        for start in range(REFITS):
            generator = torch_generator("label-free", "refit", start)
            centres_YK = spherical_kmeans(codes_IK[::EVERY], self.count, generator)
            refit_I = (codes_IK @ centres_YK.mT).argmax(dim=1).numpy()
            found.append(adjusted_rand_index(self.clusters_I, refit_I))
        return float(np.mean(found))

    @cached_property
    def probe_agreement(self) -> float:
        """How well a linear probe predicts the clusters of other images, mean over modalities."""
        (first, second), found = self.space.halves.tokens, []
        targets_IY = np.eye(self.count, dtype=np.float32)[self.clusters_I]
        for onward, backward in self.space.halves.regressions:
            predicted_I = np.empty_like(self.clusters_I)
            for known, asked, regression in ((first, second, onward), (second, first, backward)):
                prior_Y = targets_IY[known].mean(axis=0)
                scores_IY = regression.predict(targets_IY[known] - prior_Y) + prior_Y
                predicted_I[asked] = scores_IY.argmax(axis=1)
            found.append(held_out_agreement(predicted_I, self.clusters_I))
        return float(np.mean(found))

    @cached_property
    def image_dependence(self) -> float:
        """How far the image alone tells the cluster of a token, from 0 to 1."""
        return self._dependence(self.space.sample.image_of_I)

    @cached_property
    def position_dependence(self) -> float:
        """How far the place in the image alone tells the cluster, from 0 to 1.

        The largest of the dependences on row, column, and one of eight by eight blocks.
        """
        height, width = self.space.sample.grid
        rows_I, columns_I = np.divmod(self.space.sample.tokens_NI.ravel(), width)
        blocks_I = rows_I * BLOCKS // height * BLOCKS + columns_I * BLOCKS // width
        return max(self._dependence(groups_I) for groups_I in (rows_I, columns_I, blocks_I))

    def _dependence(self, groups_I: NDArray[np.int64]) -> float:
        groups = int(groups_I.max()) + 1
        cells_I = groups_I * self.count + self.clusters_I
        counts = np.bincount(cells_I, minlength=groups * self.count)
        return dependence(counts.reshape(groups, self.count))


class LabellingTally:
    """Collects a labelling while the batches of a split are encoded in order."""

    def __init__(self, space: FrozenSpace, centres_YK: Tensor) -> None:
        """Start before the first batch.

        Args:
            space: The frozen space of the split.
            centres_YK: Centres of the clusters, of unit length.
        """
        self._space, self._centres_YK = space, centres_YK
        self._codes: list[Tensor] = []

    def add(self, start: int, codes_NTK: Tensor) -> None:
        """Take in a batch.

        Args:
            start: Index of its first image in the split.
            codes_NTK: Its codes.
        """
        sample, place = self._space.sample, codes_NTK.device
        first, last = np.searchsorted(sample.images_N, (start, start + len(codes_NTK)))
        images_N = torch.from_numpy(sample.images_N[first:last] - start).to(place)
        tokens_NI = torch.from_numpy(sample.tokens_NI[first:last]).to(place)
        self._codes.append(codes_NTK[images_N[:, None], tokens_NI].flatten(0, 1))

    def result(self) -> Labelling:
        """The labelling of all batches."""
        codes_IK = torch.cat(self._codes).float()
        return Labelling(
            space=self._space,
            count=len(self._centres_YK),
            clusters_I=(codes_IK @ self._centres_YK.mT).argmax(dim=1).cpu().numpy(),
            codes_IK=codes_IK.cpu().numpy(),
        )
