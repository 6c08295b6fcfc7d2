"""Base of STEGO and UniM2: an encoder that fuses modalities, and a head that computes the code.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.methods.base import IntermediateMaps, Sample
from trainer.methods.networks.identity_start import identity_start
from trainer.methods.starts import Start
from trainer.model import Activation, Encoder, code_head, code_head_entries
from trainer.nn.parameters import PLAIN, Entry, Group, Layout, Views

__all__ = ["SharedCode"]


class SharedCode:
    """The code of the fused modalities; methods based on it add their losses."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        code_dim: int,
        start: Start = "random",
        further: tuple[Entry, ...] = (),
        further_buffers: tuple[Entry, ...] = (),
        activation: Activation = "relu",
        group: Group = PLAIN,
    ) -> None:
        """Lay out the parameters.

        Args:
            encoder: Fuses the features of the modalities into one map.
            code_dim: Number K of code channels.
            start: Where training starts.
            further: Parameters of the method in addition to encoder and head.
            further_buffers: Buffers of the method in addition to those of the fusion.
            activation: Of the code head.
            group: How the optimiser updates encoder and head.
        """
        self._activation = activation
        self._encoder, self._code_dim, self._start = encoder, code_dim, start
        head = code_head_entries(channels=encoder.channels, code_dim=code_dim)
        shared = tuple(
            dataclasses.replace(entry, group=group) for entry in encoder.entries() + head
        )
        self._parameters = Layout(entries=shared + further)
        self._buffers = Layout(entries=encoder.buffer_entries() + further_buffers)

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._code_dim

    @property
    def starts_at_features(self) -> bool:
        """Whether the first code is the principal components of the frozen features."""
        return self._start != "random"

    @property
    def parameters(self) -> Layout:
        """Encoder, code head, and the method's own."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """Running statistics of the ladder fusion, and the method's own."""
        return self._buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """The initial numbers, or those that give the principal components of the features."""
        if not self.starts_at_features:
            return parameters, buffers
        first = self._start == "first"
        started = identity_start(self._encoder, parameters, buffers, sample(), first=first)
        return started, buffers

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout and from running statistics."""
        _, code_SNTK = self._settled(parameters, buffers, tokens_SMNTC)
        return code_SNTK

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        fused_1NTC, code_1NTK = self._settled(parameters, buffers, tokens_1MNTC)
        return IntermediateMaps(
            fused_NTC=fused_1NTC[0],
            code_NTK=code_1NTK[0],
            others=self._other_maps(parameters, buffers, code_1NTK),
        )

    def _other_maps(
        self, parameters: Views, buffers: Views, code_1NTK: Tensor
    ) -> Mapping[str, Tensor]:
        """Maps of the method's own, for figures; none by default."""
        del parameters, buffers, code_1NTK
        return {}

    def _settled(
        self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Fused map (S, N, T, C) and code (S, N, T, K), with running statistics."""
        fused_SNTC = self._encoder(tokens_SMNTC, parameters, dict(buffers))
        return fused_SNTC, code_head(fused_SNTC, parameters, None, self._activation)

    def _trained(
        self, parameters: Views, buffers: dict[str, Tensor], tokens_SMNTC: Tensor, draws: StepDraws
    ) -> tuple[Tensor, Tensor]:
        """Fused map and code of a training step, with dropout; ``buffers`` are updated."""
        fused_SNTC = self._encoder(tokens_SMNTC, parameters, buffers, draws.sample_weight_SB)
        masks_S2NC = draws.masks_SDNC[:, :2, : fused_SNTC.shape[1]]  # all, or of the queries alone
        return fused_SNTC, code_head(fused_SNTC, parameters, masks_S2NC, self._activation)
