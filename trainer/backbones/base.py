"""Interface of a frozen feature extractor.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

__all__ = ["Attentive", "Backbone", "Scaling"]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Target statistics for features that have no common centre and scale of their own."""

    #: Standard deviation of each channel over the train split, C numbers.
    deviations: tuple[float, ...]
    #: Mean of every channel over the train split.
    mean: float


class Backbone(Protocol):
    """A frozen function from images to a grid of feature vectors."""

    @property
    def name(self) -> str:
        """Name in the configuration."""
        ...

    @property
    def channels(self) -> int:
        """Length C of a feature vector."""
        ...

    @property
    def patch(self) -> int:
        """Side of a token in pixels; image sides are multiples of it."""
        ...

    @property
    def scaling(self) -> Scaling | None:
        """Mean and deviation to which channels are scaled by their statistics over train."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes with everything that affects the features: weights, settings, our own code."""
        ...

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features of each token.

        Args:
            images: Tensor with shape (N, 3, h, w), from 0 to 1; both sides are multiples of
                the patch. Cached features are of squares; `predict` uses whole images.

        Returns:
            Tensor with shape (N, H, W, C), H = h / patch and W = w / patch, float32, without
            gradient.
        """
        ...


@runtime_checkable
class Attentive(Backbone, Protocol):
    """A backbone whose last layer is attention between tokens."""

    def check_attention(self) -> None:
        """Refuse a model whose attention cannot be read.

        Raises:
            ConfigError: If it cannot.
        """
        ...

    def attention(self, images: torch.Tensor) -> torch.Tensor:
        """Attention of each token to each, mean over the heads.

        Args:
            images: As for :meth:`features`.

        Returns:
            Tensor with shape (N, T, T), T = H W, float32, without gradient.
        """
        ...
