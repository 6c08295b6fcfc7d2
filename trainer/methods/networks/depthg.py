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
from trainer.methods.base import Batch, StepTerms
from trainer.methods.depthg import DepthGOptions, depth_map
from trainer.methods.networks.extended_stego import ExtendedStego
from trainer.methods.settings import MethodSettings
from trainer.nn.parameters import Views

__all__ = ["DepthG"]

SMALLEST = 0.05  # inverse depth; beyond 20 times the nearest distance all is equally far


class DepthG(ExtendedStego):
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
        self._places = [place for place, each in enumerate(modalities) if each != options.depth]
        encoded = tuple(modalities[place] for place in self._places)
        super().__init__(config, modalities=encoded, channels=channels, term="depth")

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
        made, _ = self._stego_step(parameters, buffers, batch, hyper, draws)
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
        return self._with_loss(made, hyper["lambda_depth"] * shrunk_S * loss_S)

    def _encoded(self, tokens_SMNTC: Tensor, parameters: Views) -> Tensor:
        """All modalities but depth."""
        del parameters
        return tokens_SMNTC[:, self._places]

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
