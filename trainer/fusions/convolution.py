"""The fusion ``conv``: two 1x1 convolutions over the concatenated modalities.

Letters of shapes: ``docs/architecture.md``.
"""

import torch
from torch import Tensor

from trainer.fusions.base import Fusion
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries

__all__ = ["ConvolutionFusion"]

FIRST = "fusion.layer0"


class ConvolutionFusion(Fusion):
    """M·C channels to (M + 1)·C / 2, a rectifier, and to C."""

    @property
    def first_layer(self) -> str:
        """The first of the two."""
        return FIRST

    def after_first(self, hidden_SNTO: Tensor, views: Views) -> Tensor:
        """The second layer."""
        return linear(hidden_SNTO, views, "fusion.layer1")

    def entries(self) -> tuple[Entry, ...]:
        """Parameters of both layers."""
        wide = self.modalities * self.channels
        hidden = (wide + self.channels) // 2
        return (
            *linear_entries(FIRST, inputs=wide, outputs=hidden),
            *linear_entries("fusion.layer1", inputs=hidden, outputs=self.channels),
        )

    def weighted(self, views: Views, shares_M: Tensor, *, bound: float) -> dict[str, Tensor]:
        """Parameters with which the fused map is the weighted mean of the modalities.

        The first C hidden channels contain it, raised by the bound above the rectifier's
        zero; the others keep their initial numbers and are not read at first.
        """
        own, lifted = torch.eye(self.channels), slice(self.channels)
        made = {name: views[name].clone() for name, _ in views.items() if "fusion." in name}
        made[f"{FIRST}.weight"][:, lifted] = torch.kron(shares_M, own)
        made[f"{FIRST}.bias"][:, lifted] = bound
        made["fusion.layer1.weight"][:] = 0
        made["fusion.layer1.weight"][:, :, lifted] = own
        made["fusion.layer1.bias"][:] = -bound
        return made

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Fuse the modalities to shape (S, N, T, C)."""
        maps = torch.cat(tokens_SMNTC.unbind(dim=1), dim=-1)
        return self.after_first(linear(maps, views, FIRST, relu=True), views)
