"""Fusion: the modalities' token maps into one (``docs/method.md``).

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainer.nn.batch_norm import batch_norm, batch_norm_buffers
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, batch_norm_entries, linear_entries

__all__ = ["Fusion"]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """One of ``sum``, ``mean``, ``max``, ``conv`` and ``ladder``."""

    #: Name in ``method.fusion``.
    operation: str
    #: Count M of modalities.
    modalities: int
    #: Feature channels C.
    channels: int

    @property
    def _widths(self) -> tuple[int, ...]:
        """Channels before, between and after the layers."""
        wide = self.modalities * self.channels
        if self.operation == "conv":
            return wide, (wide + self.channels) // 2, self.channels
        if self.operation == "ladder":
            return *range(wide, 0, -self.channels), self.channels
        return ()

    def entries(self) -> tuple[Entry, ...]:
        """Parameters; none but for ``conv`` and ``ladder``."""
        entries: list[Entry] = []
        for step, (inputs, outputs) in enumerate(
            zip(self._widths, self._widths[1:], strict=False)
        ):
            if step and self.operation == "ladder":
                entries += batch_norm_entries(f"fusion.norm{step}", channels=inputs)
            entries += linear_entries(f"fusion.layer{step}", inputs=inputs, outputs=outputs)
        return tuple(entries)

    def buffer_entries(self) -> tuple[Entry, ...]:
        """Running statistics; none but for ``ladder``."""
        if self.operation != "ladder":
            return ()
        return tuple(
            entry
            for step, width in enumerate(self._widths[1:-1], start=1)
            for entry in batch_norm_buffers(f"fusion.norm{step}", channels=width)
        )

    def mean_start(self, views: Views, *, bound: float) -> dict[str, Tensor]:
        """Parameters with which ``conv`` gives the mean of maps within the bound; else none.

        Its first C hidden channels hold the mean, lifted by the bound over the rectifier's zero;
        the others keep what was drawn and are not read yet.
        """
        assert self.operation != "ladder", "a ladder normalises: it cannot be the mean"
        if self.operation != "conv":
            return {}
        own, lifted = torch.eye(self.channels), slice(self.channels)
        made = {name: views[name].clone() for name, _ in views.items() if "fusion." in name}
        made["fusion.layer0.weight"][:, lifted] = own.repeat(1, self.modalities) / self.modalities
        made["fusion.layer0.bias"][:, lifted] = bound
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
        """Fuse the modalities.

        Args:
            tokens_SMNTC: Tensor with shape (S, M, N, T, C).
            views: Parameters with the names of :meth:`entries`.
            buffers: Running statistics; replaced entry by entry when training.
            sample_weight_SB: Weight of each crop in its half, (S, B); None at evaluation.

        Returns:
            Tensor with shape (S, N, T, C).
        """
        if self.operation == "sum":
            return tokens_SMNTC.sum(dim=1)
        if self.operation == "mean":
            return tokens_SMNTC.mean(dim=1)
        if self.operation == "max":
            return tokens_SMNTC.amax(dim=1)
        maps = torch.cat(tokens_SMNTC.unbind(dim=1), dim=-1)
        if self.operation == "conv":
            return linear(linear(maps, views, "fusion.layer0", relu=True), views, "fusion.layer1")
        maps = linear(maps, views, "fusion.layer0")
        for step in range(1, len(self._widths) - 1):
            maps = batch_norm(maps, views, buffers, f"fusion.norm{step}", sample_weight_SB)
            maps = linear(functional.relu(maps), views, f"fusion.layer{step}")
        return maps
