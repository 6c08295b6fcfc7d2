"""The fixed reference against which the scores of a run are ranked.

It consists of K-means of the frozen features, and of K-means of what heads without training make
of them: random linear maps to a few channels. It depends on nothing but the features and the
number of clusters, so a score means the same for the first trial of a search as for the last.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from trainer.scoring.clustering import spherical_kmeans
from trainer.scoring.label_free.frozen_space import FrozenSpace
from trainer.scoring.label_free.labelling import Labelling
from trainer.scoring.label_free.scores import SCORES
from trainer.seeds import torch_generator

__all__ = ["Reference", "frozen_kmeans", "make_reference"]

WIDTHS = (2, 3, 4, 6, 8, 16)  # channels of the random maps
DRAWS = 2  # random maps of each width
RESTARTS = 5  # of K-means of the frozen features


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the scores of runs are compared with."""

    #: Scores of the reference clusterings by name, ascending.
    scores: Mapping[str, tuple[float, ...]]
    #: K-means of the frozen features.
    kmeans: Labelling

    def rank(self, name: str, score: float) -> float:
        """The empirical distribution function of a score, interpolated, from 0 to 1.

        Below the reference it falls to 0 at the lowest possible score, and above it rises to 1 at
        the highest, so that a better score always has a higher rank.
        """
        known, limits = self.scores[name], SCORES[name]
        steps = np.linspace(0, 1, len(known) + 2)
        return float(np.interp(score, (limits.lowest, *known, limits.highest), steps))


def make_reference(space: FrozenSpace, count: int) -> Reference:
    """The reference for a number of clusters.

    Args:
        space: The frozen space of a split.
        count: Number Y of clusters.
    """
    kmeans = frozen_kmeans(space, count)
    labellings = [kmeans, *_random_heads(space, count)]
    return Reference(
        scores={
            name: tuple(sorted(score.compute(each) for each in labellings))
            for name, score in SCORES.items()
        },
        kmeans=kmeans,
    )


def frozen_kmeans(space: FrozenSpace, count: int) -> Labelling:
    """K-means of the frozen features, the best of a few starts."""
    found = [_kmeans(space, space.units_IC, count, f"start {n}") for n in range(RESTARTS)]
    return max(found, key=lambda labelling: labelling.frozen_silhouette)


def _random_heads(space: FrozenSpace, count: int) -> Iterator[Labelling]:
    channels = space.units_IC.shape[1]
    for width in WIDTHS:
        for draw in range(DRAWS):
            generator = torch_generator("label-free", "head", width, draw)
            weights_CK = torch.randn(channels, width, generator=generator).numpy()
            yield _kmeans(space, space.units_IC @ weights_CK, count, f"head {width} {draw}")


def _kmeans(space: FrozenSpace, codes_IK: np.ndarray, count: int, purpose: str) -> Labelling:
    codes = torch.from_numpy(codes_IK)
    generator = torch_generator("label-free", "k-means", purpose)
    centres_YK = spherical_kmeans(codes, count, generator)
    return Labelling(
        space=space,
        count=count,
        clusters_I=(codes @ centres_YK.mT).argmax(dim=1).numpy(),
        codes_IK=codes_IK,
    )
