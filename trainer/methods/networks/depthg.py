"""DepthG: STEGO whose points are spread in space, with a loss that compares codes with depth.

Paper: Unsupervised Semantic Segmentation Through Depth-Guided Feature Correlation and Sampling
(Sick et al., CVPR 2024). Authors' code: leonsick/depthg at 0316879; described in
``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``.

Depth has no part in the code: all other modalities are encoded, as STEGO does it, and predictions
do not depend on depth.
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.losses.depth_correlation import depth_correlation
from trainer.losses.draws import StepDraws
from trainer.losses.farthest_points import farthest_points
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.depthg import DepthGOptions, depth_map
from trainer.methods.networks.stego import Stego
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.nn.parameters import Layout, Views

__all__ = ["DepthG"]

SMALLEST = 0.05  # inverse depth; beyond 20 times the nearest distance all is equally far


class DepthG:
    """STEGO guided by depth; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        options: DepthGOptions,
        *,
        modalities: tuple[str, ...],
        channels: int,
    ) -> None:
        self._options, self._map = options, depth_map(options)
        encoded = [place for place, each in enumerate(modalities) if each != options.depth]
        self._encoded = encoded
        self._stego = Stego(
            config,
            StegoOptions(),
            modalities=tuple(modalities[place] for place in encoded),
            channels=channels,
        )

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._stego.code_dim

    @property
    def needs(self) -> Needs:
        """Like STEGO."""
        return self._stego.needs

    @property
    def terms(self) -> tuple[str, ...]:
        """STEGO's, and the depth loss."""
        return (*self._stego.terms, "depth")

    @property
    def parameters(self) -> Layout:
        """Fusion and code head."""
        return self._stego.parameters

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
        """STEGO's loss at the chosen points, and the depth loss of the queries."""
        depth_SNT = self._depth(batch)
        draws = self._with_points(draws, depth_SNT, batch.grid)
        encoded = dataclasses.replace(batch, tokens_SMNTC=self._without_depth(batch.tokens_SMNTC))
        made = self._stego.step(parameters, buffers, encoded, hyper, draws)
        shrunk_S = self._options.decay ** (batch.iteration_S // self._options.decay_every)
        loss_S = depth_correlation(
            made.codes_SBTK,
            depth_SNT[:, : draws.batch],
            draws.coordinates_SM2BQ2[:, 0, 0],
            grid=batch.grid,
            bias_S=hyper["b_depth"] * shrunk_S,
            sample_weight_SB=draws.sample_weight_SB,
            affinity=self._options.affinity,
        )
        depth_S = hyper["lambda_depth"] * shrunk_S * loss_S
        return dataclasses.replace(made, terms={**made.terms, "depth": depth_S})

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K) of all modalities but depth, without dropout."""
        return self._stego.encode(parameters, buffers, self._without_depth(tokens_SMNTC))

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        encoded_1MNTC = self._without_depth(tokens_1MNTC)
        return self._stego.intermediate_maps(parameters, buffers, encoded_1MNTC)

    def _without_depth(self, tokens_SMNTC: Tensor) -> Tensor:
        return tokens_SMNTC[:, self._encoded]

    def _depth(self, batch: Batch) -> Tensor:
        """Distance of every token with shape (S, N, T)."""
        values_SNT = batch.maps[self._map][..., self._options.channel]
        if self._options.values == "distance":
            return values_SNT
        return SMALLEST / values_SNT.clamp(min=SMALLEST)

    def _with_points(
        self, draws: StepDraws, depth_SNT: Tensor, grid: tuple[int, int]
    ) -> StepDraws:
        """The draws with the points of queries and of positives that are farthest apart."""
        if self._options.points == "random":
            return draws
        count = draws.coordinates_SM2BQ2.shape[4]
        points_SNQ2 = farthest_points(depth_SNT, grid, count=count)
        both = torch.stack(torch.split(points_SNQ2, draws.batch, dim=1), dim=1)
        return dataclasses.replace(draws, coordinates_SM2BQ2=both.unsqueeze(1))
