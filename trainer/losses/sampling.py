"""Bilinear sampling of token maps at random points, then unit length.

Letters of shapes: ``docs/architecture.md``.

Coordinates are in [-1, 1]^2 in the order (x, y); -1 is the centre of the first token, 1 of
the last (``align_corners``), so that no padding is needed (``docs/method.md``). Maps are sampled
first and normalised afterwards; the opposite order would give other values.

``embedding_bag`` sums the four tokens around each point. Only codes need a gradient. Adding it
row by row would be slow, so the backward pass is a product with the dense matrix of the weights.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainer.losses.draws import StepDraws
from trainer.nn.alignment import aligned, each_slot
from trainer.nn.unit import unit

__all__ = [
    "EPSILON",
    "PairPoints",
    "Sites",
    "corners",
    "locate",
    "reading_weights",
    "sample_codes",
    "sample_features",
]

EPSILON = 1e-10  # of the cosine


@dataclass(frozen=True, kw_only=True)
class PairPoints:
    """Where and between which crops features and codes are compared."""

    #: Tokens down and across (H, W).
    grid: tuple[int, int]
    #: Points with shape (S, M, 2, B, Q, 2): those of group self, and those of every other group.
    coordinates_SM2BQ2: Tensor
    #: The crop, 0 to N-1, that each group of each query samples: (S, M, B, J).
    sources_SMBJ: Tensor
    #: Weight of each query in its slot's batch with shape (S, B): 1/B, or 0 for padding.
    sample_weight_SB: Tensor

    @classmethod
    def of(cls, draws: StepDraws, grid: tuple[int, int]) -> "PairPoints":
        """The points of a step's draws."""
        return cls(
            grid=grid,
            coordinates_SM2BQ2=draws.coordinates_SM2BQ2,
            sources_SMBJ=draws.sources_SMBJ,
            sample_weight_SB=draws.sample_weight_SB,
        )


def corners(coordinates: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The four tokens around each point and their bilinear weights.

    Args:
        coordinates: Tensor with shape (..., 2), (x, y) in [-1, 1].
        grid: Tokens down and across (H, W).

    Returns:
        Token indices and weights, each with shape (..., 4).
    """
    (left, right, x_part), (top, bottom, y_part) = (
        _bracket(coordinates[..., axis], size) for axis, size in ((0, grid[1]), (1, grid[0]))
    )
    rows, columns = (top, top, bottom, bottom), (left, right, left, right)
    indices = [row * grid[1] + column for row, column in zip(rows, columns, strict=True)]
    x_weights = (1 - x_part, x_part, 1 - x_part, x_part)
    y_weights = (1 - y_part, 1 - y_part, y_part, y_part)
    weights = [x * y for x, y in zip(x_weights, y_weights, strict=True)]
    return torch.stack(indices, dim=-1), torch.stack(weights, dim=-1)


def reading_weights(coordinates: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bilinear weight of every token at each point, as a dense matrix.

    Args:
        coordinates: Tensor with shape (..., Q, 2), (x, y) in [-1, 1].
        grid: Tokens down and across (H, W).

    Returns:
        Tensor with shape (..., Q, T).
    """
    indices, weights = corners(coordinates, grid)
    dense = weights.new_zeros(*weights.shape[:-1], grid[0] * grid[1])
    return dense.scatter_add_(-1, indices, weights)


def _bracket(coordinate: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    position = (coordinate + 1) / 2 * (size - 1)
    first = position.floor().clamp(0, max(size - 2, 0))
    index = first.long()
    return index, (index + 1).clamp(max=size - 1), position - first


@dataclass(frozen=True, kw_only=True)
class Sites:
    """The points of a step as tokens of numbered maps."""

    #: The map, among all slots, modalities and crops, that each group samples: (G, J).
    maps_GJ: Tensor
    #: The four tokens around each point of either set with shape (G, 2, Q, 4).
    tokens_G2Q4: Tensor
    #: Their bilinear weights with shape (G, 2, Q, 4).
    weights_G2Q4: Tensor
    #: Number T of tokens per map.
    tokens: int

    def part(self, maps: slice) -> "Sites":
        """The points of some of the G query maps."""
        return Sites(
            maps_GJ=self.maps_GJ[maps],
            tokens_G2Q4=self.tokens_G2Q4[maps],
            weights_G2Q4=self.weights_G2Q4[maps],
            tokens=self.tokens,
        )


def locate(points: PairPoints, *, crops: int) -> Sites:
    """Find the tokens around a step's points, in maps of N crops per slot and modality."""
    slots, modalities = points.sources_SMBJ.shape[:2]
    first_map = torch.arange(slots * modalities, device=points.sources_SMBJ.device) * crops
    maps_SMBJ = first_map.view(slots, modalities, 1, 1) + points.sources_SMBJ
    indices, weights = corners(points.coordinates_SM2BQ2, points.grid)
    return Sites(
        maps_GJ=maps_SMBJ.flatten(0, 2),
        tokens_G2Q4=indices.transpose(2, 3).flatten(0, 2),
        weights_G2Q4=weights.transpose(2, 3).flatten(0, 2),
        tokens=points.grid[0] * points.grid[1],
    )


def sample_features(tokens_SMNTC: Tensor, sites: Sites) -> Tensor:
    """Unit features of every pair group at its points; no gradient.

    Args:
        tokens_SMNTC: Frozen target features with shape (S, M, N, T, C).
        sites: Where to sample which maps.

    Returns:
        Tensor with shape (G, Q, J, C).
    """
    return unit(_read(tokens_SMNTC.detach(), sites), epsilon=EPSILON)


def sample_codes(codes_SMNTK: Tensor, sites: Sites) -> Tensor:
    """Unit codes of every pair group at its points, with gradient.

    Args:
        codes_SMNTK: Codes with shape (S, M, N, T, K).
        sites: Where to sample which maps.

    Returns:
        Tensor with shape (G, Q, J, K).
    """
    sampled: Tensor = _Sample.apply(codes_SMNTK, sites)
    return unit(sampled, epsilon=EPSILON)


def _read(maps: Tensor, sites: Sites) -> Tensor:
    """Sum the four corners of each point: (S, M, N, T, channels) to (G, Q, J, channels)."""
    groups = sites.maps_GJ.shape[1]
    first_row_GJ = sites.maps_GJ * sites.tokens
    rows_GQJ4 = _by_group(sites.tokens_G2Q4, groups) + first_row_GJ[:, None, :, None]
    sampled = functional.embedding_bag(
        rows_GQJ4.view(-1, 4),
        maps.reshape(-1, maps.shape[-1]),
        per_sample_weights=_by_group(sites.weights_G2Q4, groups).view(-1, 4),
        mode="sum",
    )
    return sampled.view(*rows_GQJ4.shape[:3], -1)


def _by_group(values_G2Q4: Tensor, groups: int) -> Tensor:
    """The first set of points for group self, the second for the others: (G, Q, J, 4)."""
    own, other = values_G2Q4.unsqueeze(3).unbind(dim=1)
    return torch.cat([own, other.expand(-1, -1, groups - 1, -1)], dim=2)


class _Sample(torch.autograd.Function):
    """Sample maps; the backward pass computes the gradient of each map as a dense product."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, sites: Sites) -> Tensor:
        ctx.sites, ctx.shape = sites, maps.shape
        return _read(maps, sites)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        sites, (gradient_GQJK,) = ctx.sites, grads
        slots, (tokens, width) = ctx.shape[0], ctx.shape[-2:]
        dense_G2QT = sites.weights_G2Q4.new_zeros(*sites.weights_G2Q4.shape[:3], tokens)
        dense_G2QT.scatter_add_(-1, sites.tokens_G2Q4, sites.weights_G2Q4)
        own, other = gradient_GQJK[:, :, 0], gradient_GQJK[:, :, 1:].flatten(2)
        to_own = each_slot(_back, dense_G2QT[:, 0], own, slots=slots)
        to_other = each_slot(_back, dense_G2QT[:, 1], other, slots=slots)
        to_other = to_other.view(len(to_own), tokens, -1, width).transpose(1, 2)
        gradient = gradient_GQJK.new_zeros(ctx.shape)
        by_map = gradient.view(-1, tokens, width)
        by_map.index_add_(0, sites.maps_GJ[:, 0], to_own)
        by_map.index_add_(0, sites.maps_GJ[:, 1:].flatten(), to_other.flatten(0, 1))
        return gradient, None


def _back(dense_GQT: Tensor, gradient_GQI: Tensor) -> Tensor:
    """The gradient of each token: (G, T, I)."""
    return torch.bmm(aligned(dense_GQT).mT, aligned(gradient_GQI))
