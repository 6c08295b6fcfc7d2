"""A fixed sample of a split's tokens in the frozen features, in which every run is judged.

Indices of clusterings cannot be compared between runs if each is computed from the run's own codes
(Wang and Ye 2024, https://arxiv.org/abs/2403.14830). The frozen features are the same for all
runs.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trainer.features.dataset_features import Features
from trainer.seeds import numpy_generator

__all__ = ["FrozenSpace", "Halves", "Regression", "Sample", "measure_space", "unit_rows"]

IMAGES = 64  # that are sampled, evenly spaced over the split
TOKENS = 2048  # of these images together
NEIGHBOURS = 10  # of a token, per modality
RIDGE = 1e-3  # penalty, as a share of the sum of squares of the features
EPSILON = 1e-12  # smallest length by which a vector is divided

Indices = NDArray[np.int64]
Numbers = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The sampled images of a split, and the sampled tokens in them."""

    #: Indices of the images in the split, ascending, at least two.
    images_N: Indices
    #: Rows and columns of the token grid (H, W).
    grid: tuple[int, int]
    #: Sampled tokens of each image, equally many in each, as indices into its grid: (N, I / N).
    tokens_NI: Indices

    @cached_property
    def image_of_I(self) -> Indices:
        """The image of each sampled token, as an index into :attr:`images_N`."""
        return np.repeat(np.arange(len(self.images_N)), self.tokens_NI.shape[1])

    def take(self, features: Features) -> Numbers:
        """The sampled tokens of feature maps.

        Args:
            features: Maps of the whole split with shape (N, H, W, C).

        Returns:
            Array with shape (I, C).
        """
        rows = [
            np.asarray(features[image], dtype=np.float32).reshape(-1, features.shape[-1])[tokens]
            for image, tokens in zip(self.images_N, self.tokens_NI, strict=True)
        ]
        return np.concatenate(rows)


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Ridge regression from the features of some tokens, to predict for others."""

    #: Maps targets of the known tokens to weights: (C, I).
    fit_CI: Numbers
    #: Features of the tokens to predict for: (I, C).
    asked_IC: Numbers

    def predict(self, targets_IY: Numbers) -> Numbers:
        """Predictions for the other tokens, from targets of the known ones."""
        return self.asked_IC @ (self.fit_CI @ targets_IY)


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Every other sampled image, and the rest: a fit to one half predicts the other."""

    #: The tokens of both halves.
    tokens: tuple[Indices, Indices]
    #: For each modality, from half 0 to 1, and from 1 to 0.
    regressions: tuple[tuple[Regression, Regression], ...]


@dataclass(frozen=True, kw_only=True)
class FrozenSpace:
    """The sampled tokens in the frozen features of the modalities."""

    sample: Sample
    #: Centred features of all modalities together, of unit length: (I, M·C).
    units_IC: Numbers
    #: For each modality, the most similar tokens of other images.
    neighbours_MIV: Indices
    halves: Halves


def measure_space(features: Mapping[str, Features]) -> FrozenSpace | None:
    """Sample tokens of a split, and compare their features.

    Args:
        features: Modality to features with shape (N, H, W, C).

    Returns:
        The space; None if the split has fewer than two images.
    """
    maps = list(features.values())
    images, rows, columns = maps[0].shape[:3]
    if images < 2:
        return None
    sample = _sample(images, grid=(rows, columns))
    units = [_centred_units(sample.take(each)) for each in maps]
    return FrozenSpace(
        sample=sample,
        units_IC=unit_rows(np.concatenate(units, axis=1)),
        neighbours_MIV=np.stack([_neighbours(each, sample.image_of_I) for each in units]),
        halves=_halves(units, sample.image_of_I),
    )


def unit_rows(rows: Numbers) -> Numbers:
    """Rows divided by their length; rows of zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
    units: Numbers = rows / np.maximum(lengths, np.float32(EPSILON))
    return units


def _sample(images: int, *, grid: tuple[int, int]) -> Sample:
    """The same tokens for all runs on a split of this shape."""
    count = min(images, IMAGES)
    tokens = grid[0] * grid[1]
    generator = numpy_generator("label-free", "sample")
    each = min(tokens, TOKENS // count)
    return Sample(
        images_N=np.arange(count) * images // count,
        grid=grid,
        tokens_NI=np.stack([generator.permutation(tokens)[:each] for _ in range(count)]),
    )


def _centred_units(rows: Numbers) -> Numbers:
    """Without the part that all tokens have in common, which would make all cosines alike."""
    return unit_rows(rows - rows.mean(axis=0))


def _neighbours(units_IC: Numbers, image_of_I: Indices) -> Indices:
    """The tokens of other images with the largest cosines, in no order: (I, V)."""
    cosines_II = units_IC @ units_IC.T
    cosines_II[image_of_I[:, None] == image_of_I] = -np.inf
    others = len(image_of_I) - int(np.bincount(image_of_I).max())
    count = min(NEIGHBOURS, others)
    return np.argpartition(cosines_II, -count, axis=1)[:, -count:]


def _halves(units: list[Numbers], image_of_I: Indices) -> Halves:
    first, second = (np.flatnonzero(image_of_I % 2 == half) for half in (0, 1))
    return Halves(
        tokens=(first, second),
        regressions=tuple(
            (_regression(each[first], each[second]), _regression(each[second], each[first]))
            for each in units
        ),
    )


def _regression(known_IC: Numbers, asked_IC: Numbers) -> Regression:
    """From the smaller of the two equivalent systems, tokens by tokens or channels by channels."""
    known = known_IC.astype(np.float64)
    tokens, channels = known.shape
    penalty = RIDGE * max(float(np.square(known).sum()), EPSILON)
    if channels < tokens:
        fit_CI = np.linalg.solve(known.T @ known + penalty * np.eye(channels), known.T)
    else:
        fit_CI = np.linalg.solve(known @ known.T + penalty * np.eye(tokens), known).T
    return Regression(fit_CI=np.ascontiguousarray(fit_CI, np.float32), asked_IC=asked_IC)
