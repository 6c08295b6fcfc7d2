"""The fusions ``sum``, ``mean`` and ``max``: element by element, without parameters.

Letters of shapes: ``docs/architecture.md``.
"""

from torch import Tensor

from trainer.fusions.base import Fusion
from trainer.nn.parameters import Views

__all__ = ["MaxFusion", "MeanFusion", "SumFusion"]


class SumFusion(Fusion):
    """The sum of the modalities."""

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Their sum, with shape (S, N, T, C)."""
        return tokens_SMNTC.sum(dim=1)


class MeanFusion(Fusion):
    """The mean of the modalities."""

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Their mean, with shape (S, N, T, C)."""
        return tokens_SMNTC.mean(dim=1)


class MaxFusion(Fusion):
    """The largest value over the modalities."""

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Their maximum, with shape (S, N, T, C)."""
        return tokens_SMNTC.amax(dim=1)
