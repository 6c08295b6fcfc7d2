"""The fusion ``ladder``: the authors' network for MCubeS, which drops C channels at a time.

Letters of shapes: ``docs/architecture.md``.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.fusions.base import Fusion
from trainer.nn.batch_norm import batch_norm, batch_norm_buffers
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries, norm_entries

__all__ = ["LadderFusion"]


class LadderFusion(Fusion):
    """1x1 convolutions with batch normalisation and a rectifier between them."""

    @property
    def _widths(self) -> tuple[int, ...]:
        """Channels before, between and after the layers."""
        wide = self.modalities * self.channels
        return *range(wide, 0, -self.channels), self.channels

    def entries(self) -> tuple[Entry, ...]:
        """Parameters of the layers and of the normalisations between them."""
        entries: list[Entry] = []
        for step, (inputs, outputs) in enumerate(
            zip(self._widths, self._widths[1:], strict=False)
        ):
            if step:
                entries += norm_entries(f"fusion.norm{step}", channels=inputs)
            entries += linear_entries(f"fusion.layer{step}", inputs=inputs, outputs=outputs)
        return tuple(entries)

    def buffer_entries(self) -> tuple[Entry, ...]:
        """Running statistics of the normalisations."""
        return tuple(
            entry
            for step, width in enumerate(self._widths[1:-1], start=1)
            for entry in batch_norm_buffers(f"fusion.norm{step}", channels=width)
        )

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Fuse the modalities to shape (S, N, T, C)."""
        maps = linear(torch.cat(tokens_SMNTC.unbind(dim=1), dim=-1), views, "fusion.layer0")
        for step in range(1, len(self._widths) - 1):
            maps = batch_norm(maps, views, buffers, f"fusion.norm{step}", sample_weight_SB)
            maps = linear(functional.relu(maps), views, f"fusion.layer{step}")
        return maps
