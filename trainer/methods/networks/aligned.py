"""STEGO on the first modality and on projections of the others, aligned with it by a loss.

Letters of shapes: ``docs/architecture.md``.

UniM2, supplementary, Eq. 1. Its projection is "lightweight"; here it has two layers per auxiliary
modality. The first modality is frozen, so alignment trains only the projections.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.losses.token_pairs import TokenPairs, tokens_at
from trainer.methods.base import Batch, StepTerms
from trainer.methods.networks.extended_stego import ExtendedStego
from trainer.methods.settings import MethodSettings
from trainer.nn.linear import linear
from trainer.nn.parameters import Views, linear_entries

__all__ = ["Aligned"]


class Aligned(ExtendedStego):
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
        stack = (len(modalities) - 1,)
        projection = (
            *linear_entries("projection.first", inputs=channels, outputs=channels, stack=stack),
            *linear_entries("projection.second", inputs=channels, outputs=channels, stack=stack),
        )
        super().__init__(
            config, modalities=modalities, channels=channels, term="alignment", before=projection
        )

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """STEGO's loss on the projected maps, and the weighted alignment loss (Eq. 1).

        The queries' points also choose the tokens to compare.
        """
        made, projected_SMNTC = self._stego_step(parameters, buffers, batch, hyper, draws)
        queries_SMBTC = projected_SMNTC[:, :, : draws.batch]
        pairs = TokenPairs.of(
            queries_SMBTC[:, 0],
            queries_SMBTC[:, 1:],
            draws.sample_weight_SB,
            tokens_at(draws.coordinates_SM2BQ2[:, 0, 0], batch.grid),
        )
        return self._with_loss(made, hyper["lambda_align"] * self._align(pairs).sum(dim=1))

    def _encoded(self, tokens_SMNTC: Tensor, parameters: Views) -> Tensor:
        """The unchanged first modality, then the projections of the others: (S, M, N, T, C)."""
        hidden = linear(tokens_SMNTC[:, 1:], parameters, "projection.first", relu=True)
        projected_SXNTC = linear(hidden, parameters, "projection.second")
        return torch.cat([tokens_SMNTC[:, :1], projected_SXNTC], dim=1)
