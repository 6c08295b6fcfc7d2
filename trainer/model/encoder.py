"""The encoder: fuses the frozen tokens of all modalities into one map.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.fusions import find_fusion
from trainer.fusions.base import Fusion
from trainer.model.merged import merged_layers
from trainer.model.msn import LAST, msn, msn_entries, msn_hidden
from trainer.model.normalise import PRE_NORMS
from trainer.nn.parameters import Entry, Views

__all__ = ["Encoder"]

MARGIN = 1.25  # over the largest number of a sample; more would cost digits in low precision


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """MSN, normalisation and fusion; the identity for one modality."""

    #: Number M of modalities.
    modalities: int
    #: Number C of feature channels.
    channels: int
    #: Name of the fusion.
    fusion: str
    #: Whether each modality has its modality-specific network.
    msn: bool = False
    #: Whether that network adds its input to its output.
    residual: bool = False
    #: Name of the normalisation before fusion.
    pre_norm: str = "none"

    @property
    def _fusion(self) -> Fusion:
        entry = find_fusion(self.fusion)
        return entry.build(modalities=self.modalities, channels=self.channels)

    @property
    def _merged_with(self) -> str | None:
        """The fusion's first layer, if the networks' last one can be merged with it."""
        mergeable = self.msn and not self.residual and self.pre_norm == "l2"
        return self._fusion.first_layer if mergeable else None

    def entries(self) -> tuple[Entry, ...]:
        """Parameters of the networks before and in the fusion."""
        if self.modalities == 1:
            return ()
        before = (
            msn_entries(modalities=self.modalities, channels=self.channels) if self.msn else ()
        )
        return before + self._fusion.entries()

    def buffer_entries(self) -> tuple[Entry, ...]:
        """Running statistics of the fusion."""
        return () if self.modalities == 1 else self._fusion.buffer_entries()

    def identity(
        self, views: Views, tokens_SMNTC: Tensor, *, first: bool = False
    ) -> dict[str, Tensor]:
        """Replacement parameters with which features pass unchanged and are averaged.

        A fusion without parameters is not changed. The modality-specific networks must be
        residual, and the fusion must support this start (``trainer/fusions``).

        Args:
            views: Parameters with the names of :meth:`entries`.
            tokens_SMNTC: Frozen features, which show how large numbers become.
            first: Whether the first modality passes alone, instead of the mean of all.
        """
        if self.modalities == 1:
            return {}
        shares_M = torch.full((self.modalities,), 1 / self.modalities)
        if first:
            shares_M = torch.eye(self.modalities)[0]
        normed = PRE_NORMS[self.pre_norm](tokens_SMNTC)
        bound = MARGIN * float(normed.abs().max())
        replaced = self._fusion.weighted(views, shares_M, bound=bound)
        if self.msn:
            assert self.residual, "a network that does not add its input cannot be the identity"
            names = (f"{LAST}.weight", f"{LAST}.bias")
            replaced |= {name: torch.zeros_like(views[name]) for name in names}
        return replaced

    def specific(self, tokens_SMNTC: Tensor, views: Views) -> Tensor | None:
        """Output of each modality-specific network, (S, M, N, T, C); None without them."""
        if self.modalities == 1 or not self.msn:
            return None
        return msn(tokens_SMNTC, views, residual=self.residual)

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None = None,
    ) -> Tensor:
        """Fuse the frozen tokens.

        Args:
            tokens_SMNTC: Frozen features with shape (S, M, N, T, C).
            views: Parameters with the names of :meth:`entries`.
            buffers: Running statistics; replaced entry by entry when training.
            sample_weight_SB: Weight of each crop in its half, (S, B); None at evaluation.

        Returns:
            Fused features with shape (S, N, T, C).
        """
        if self.modalities == 1:
            return tokens_SMNTC[:, 0]
        if (first := self._merged_with) is not None:
            hidden_SMNTE = msn_hidden(tokens_SMNTC, views)
            hidden_SNTO = merged_layers(hidden_SMNTE, views, last=LAST, first=first)
            return self._fusion.after_first(hidden_SNTO, views)
        specific_SMNTC = self.specific(tokens_SMNTC, views)
        maps_SMNTC = tokens_SMNTC if specific_SMNTC is None else specific_SMNTC
        return self._fusion(PRE_NORMS[self.pre_norm](maps_SMNTC), views, buffers, sample_weight_SB)
