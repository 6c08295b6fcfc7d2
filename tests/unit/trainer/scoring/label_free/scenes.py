"""Scenes of features with known classes, small but with the structure of real ones.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.features.dataset_features import ValSplit

CLASSES = 6
GRID = (12, 14)
IMAGES = 16
CHANNELS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenes:
    """A val split without labels, and the classes of its tokens."""

    split: ValSplit
    #: Class of each token: (N, T).
    classes_NT: NDArray[np.int64]


def make_scenes(seed: int = 0) -> Scenes:
    """Images of two modalities: a tall class below, blobs of the others anywhere."""
    generator = np.random.default_rng(seed)
    maps = np.stack([_class_map(generator) for _ in range(IMAGES)])
    features = {
        modality: _features(maps, generator, noise)
        for modality, noise in (("rgb", 1.6), ("depth", 1.2))
    }
    names = tuple(f"image{number}" for number in range(IMAGES))
    split = ValSplit(features=features, labels=None, names=names)
    return Scenes(split=split, classes_NT=maps.reshape(IMAGES, -1))


def _class_map(generator: np.random.Generator) -> NDArray[np.int64]:
    """Floor below, wall above, and eight blobs of the other classes."""
    rows, columns = np.mgrid[: GRID[0], : GRID[1]]
    classes: NDArray[np.int64] = (rows >= generator.integers(6, 10)).astype(np.int64)
    for _ in range(8):
        row, column = generator.integers(GRID[0]), generator.integers(GRID[1])
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= generator.integers(2, 9)
        classes[inside] = generator.integers(2, CLASSES)
    return classes


def _features(
    maps_NHW: NDArray[np.int64], generator: np.random.Generator, noise: float
) -> NDArray[np.float32]:
    """Class means, a part that all tokens of an image share, one that all share, and noise."""
    means_YC = generator.normal(size=(CLASSES, CHANNELS))
    image_N11C = 0.4 * generator.normal(size=(IMAGES, 1, 1, CHANNELS))
    common_C = 2 * generator.normal(size=CHANNELS)
    noise_NHWC = noise * generator.normal(size=(*maps_NHW.shape, CHANNELS))
    made: NDArray[np.float32] = (means_YC[maps_NHW] + image_N11C + common_C + noise_NHWC).astype(
        np.float32
    )
    return made
