"""Random features of a given size, for timings, which do not depend on their content."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.features.dataset_features import DatasetFeatures, TestSplit, TrainSplit, ValSplit
from trainer.seeds import numpy_generator

__all__ = ["FeatureSize", "random_features"]

NEIGHBOURS = 30  # as in the published runs


@dataclass(frozen=True, kw_only=True)
class FeatureSize:
    """Number and size of the features; the defaults are ViT-S/16 at 224 pixels."""

    #: Crops of the train split, and images of the val and the test split.
    crops: int = 128
    val: int = 1
    test: int = 1
    #: Tokens down and across.
    grid: int = 14
    #: Number of feature channels.
    channels: int = 384
    #: Side of a label in pixels.
    labels: int = 224
    classes: int = 13
    modalities: tuple[str, ...] = ("rgb", "depth")


def random_features(size: FeatureSize) -> DatasetFeatures:
    """Random features and labels; each crop's neighbours are the next ones by number."""
    generator = numpy_generator("benchmark", "features")

    def features(count: int) -> dict[str, NDArray[np.float16]]:
        shape = (count, size.grid, size.grid, size.channels)
        return {
            name: generator.standard_normal(shape, dtype=np.float32).astype(np.float16)
            for name in size.modalities
        }

    def labels(count: int) -> NDArray[np.uint8]:
        shape = (count, size.labels, size.labels)
        return generator.integers(0, size.classes, shape, dtype=np.uint8)

    def names(count: int) -> tuple[str, ...]:
        return tuple(str(number) for number in range(count))

    own = np.arange(size.crops)[:, None]
    return DatasetFeatures(
        classes=tuple(f"class {index}" for index in range(size.classes)),
        palette=((0, 0, 0),) * size.classes,
        modalities=size.modalities,
        channels=size.channels,
        train=TrainSplit(
            features=features(size.crops),
            labels=labels(size.crops),
            neighbours=(own + np.arange(1, NEIGHBOURS + 1)) % size.crops,
        ),
        val=ValSplit(features=features(size.val), labels=labels(size.val), names=names(size.val)),
        test=TestSplit(
            features=features(size.test), labels=labels(size.test), names=names(size.test)
        ),
        fingerprints={},
    )
