"""The images of a split as the backbone sees them, for code that needs pixels.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig, FeatureConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.base import Image
from trainer.features.extraction import SquareRule

__all__ = ["Pictures"]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Squares that match the labels of an evaluation split pixel by pixel."""

    data_set: DataSet
    #: Names of the split's images, in its order.
    names: tuple[str, ...]
    #: How images become squares.
    features: FeatureConfig

    @classmethod
    def open(cls, data: DataConfig, features: FeatureConfig, names: tuple[str, ...]) -> "Pictures":
        """Open the data set with the images, without decoding any.

        Raises:
            ConfigError: If it lacks a modality, or an option is wrong.
            DataError: If its folder or images are missing.
        """
        return cls(data_set=open_dataset(data), names=names, features=features)

    def square(self, index: int, modality: str) -> Image:
        """An image of the split with shape (h, w, 3), h = w, values from 0 to 1.

        Raises:
            DataError: If its file cannot be decoded.
        """
        rule = SquareRule(crop="none", side=self.features.eval_resolution)
        image = self.data_set.source.image(self.names[index], modality)
        (square_3hw,) = rule.images(image, self.features.resize)
        return np.asarray(square_3hw.permute(1, 2, 0).numpy(), dtype=np.float32)

    def holes(self, index: int, modality: str) -> NDArray[np.bool_] | None:
        """The pixels of the square that were not measured, shape (h, w); None if all were.

        Raises:
            DataError: If its file cannot be decoded.
        """
        holes = self.data_set.source.holes(self.names[index], modality)
        if holes is None or not holes.any():
            return None
        rule = SquareRule(crop="none", side=self.features.eval_resolution)
        (square,) = rule.labels(holes.astype(np.uint8))
        return square.astype(np.bool_)

    def guides(self, part: slice) -> torch.Tensor:
        """RGB images of a part of the split with shape (N, 3, h, w), values from 0 to 1."""
        indices = range(len(self.names))[part]
        squares = [torch.from_numpy(self.square(index, "rgb")) for index in indices]
        return torch.stack(squares).permute(0, 3, 1, 2).contiguous()
