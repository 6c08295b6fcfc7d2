"""STEGO on the first modality and on projections of the others, aligned with it by a loss.

Letters of shapes: ``docs/architecture.md``.

UniM2, supplementary, Eq. 1. Its projection is "lightweight"; here it has two layers per auxiliary
modality. The first modality is frozen, so alignment trains only the projections.
"""

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.losses.token_pairs import TokenPairs, tokens_at
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.networks.stego import Stego
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.nn.linear import linear
from trainer.nn.parameters import Layout, Views, linear_entries

__all__ = ["Aligned"]


class Aligned:
    """STEGO with an alignment loss; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        *,
        modalities: tuple[str, ...],
        channels: int,
        align: Callable[[TokenPairs], Tensor],
    ) -> None:
        """Set up the networks.

        Args:
            config: Settings that all methods share.
            modalities: Two or more, the first one frozen.
            channels: Number C of feature channels.
            align: Loss of each auxiliary modality with shape (S, X).
        """
        assert len(modalities) > 1
        self._align = align
        self._stego = Stego(config, StegoOptions(), modalities=modalities, channels=channels)
        stack = (len(modalities) - 1,)
        projection = (
            *linear_entries("projection.first", inputs=channels, outputs=channels, stack=stack),
            *linear_entries("projection.second", inputs=channels, outputs=channels, stack=stack),
        )
        self._parameters = Layout(entries=projection + self._stego.parameters.entries)

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._stego.code_dim

    @property
    def needs(self) -> Needs:
        """Like STEGO; the queries' points also choose the tokens to compare."""
        return self._stego.needs

    @property
    def terms(self) -> tuple[str, ...]:
        """STEGO's, and the alignment of all auxiliaries."""
        return (*self._stego.terms, "alignment")

    @property
    def parameters(self) -> Layout:
        """Projections, fusion and code head."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """Running statistics of the ladder fusion."""
        return self._stego.buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """The initial numbers, unchanged."""
        del sample
        return parameters, buffers

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """STEGO's loss on the projected maps, and the weighted alignment loss (Eq. 1)."""
        projected_SMNTC = self._projected(batch.tokens_SMNTC, parameters)
        projected = dataclasses.replace(batch, tokens_SMNTC=projected_SMNTC)
        made = self._stego.step(parameters, buffers, projected, hyper, draws)
        queries_SMBTC = projected_SMNTC[:, :, : draws.batch]
        pairs = TokenPairs.of(
            queries_SMBTC[:, 0],
            queries_SMBTC[:, 1:],
            draws.sample_weight_SB,
            tokens_at(draws.coordinates_SM2BQ2[:, 0, 0], batch.grid),
        )
        alignment_S = hyper["lambda_align"] * self._align(pairs).sum(dim=1)
        return StepTerms(
            terms={**made.terms, "alignment": alignment_S},
            codes_SBTK=made.codes_SBTK,
            buffers=made.buffers,
        )

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout and from running statistics."""
        return self._stego.encode(parameters, buffers, self._projected(tokens_SMNTC, parameters))

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        projected_1MNTC = self._projected(tokens_1MNTC, parameters)
        return self._stego.intermediate_maps(parameters, buffers, projected_1MNTC)

    def _projected(self, tokens_SMNTC: Tensor, parameters: Views) -> Tensor:
        """The unchanged first modality, then the projections of the others: (S, M, N, T, C)."""
        hidden = linear(tokens_SMNTC[:, 1:], parameters, "projection.first", relu=True)
        projected_SXNTC = linear(hidden, parameters, "projection.second")
        return torch.cat([tokens_SMNTC[:, :1], projected_SXNTC], dim=1)
