"""Bilinear sampling of token maps at random points, then unit length.

Shape letters: S slots, M modalities, N crops (anchors, then partners), B anchor crops,
T tokens (H*W), C feature channels, K code channels, Q points a map (P*P),
J pair groups: self, KNN, then R random ones.

Coordinates lie in [-1, 1]^2 in the order (x, y); -1 is the centre of the first token, 1 of
the last (``align_corners``), so that no padding acts (specification 2.8 and 7). Maps are
sampled as they are and normalised afterwards: the other order is another function.

Frozen features need no gradient and are wide: the four corners of each point are summed by
``embedding_bag``. Codes are narrow and need one: a bilinear weight is the product of two hat
functions, so sampling is a product with a dense matrix, whose gradient is one more product.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainer.draws import StepDraws
from trainer.interpolation import hats

__all__ = ["corners", "hat_matrix", "sample_codes", "sample_features"]

EPSILON = 1e-10  # of the cosine


@dataclass(frozen=True, kw_only=True)
class PairPoints:
    """Where and between which crops features and codes are compared."""

    #: Tokens down and across (H, W).
    grid: tuple[int, int]
    #: Points with shape (S, M, 2, B, Q, 2): the anchors' own, and those of every other group.
    coordinates_SM2BQ2: Tensor
    #: The crop, 0 to N-1, that each group of each anchor samples: (S, M, B, J).
    sources_SMBJ: Tensor
    #: Each anchor crop's share of its slot's batch with shape (S, B): 1/B, or 0 for padding.
    share_SB: Tensor

    @classmethod
    def of(cls, draws: StepDraws, grid: tuple[int, int]) -> "PairPoints":
        """The points of a step's draws."""
        return cls(
            grid=grid,
            coordinates_SM2BQ2=draws.coordinates_SM2BQ2,
            sources_SMBJ=draws.sources_SMBJ,
            share_SB=draws.share_SB,
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


def _bracket(coordinate: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    position = _position(coordinate, size)
    first = position.floor().clamp(0, max(size - 2, 0))
    index = first.long()
    return index, (index + 1).clamp(max=size - 1), position - first


def hat_matrix(coordinates: Tensor, grid: tuple[int, int]) -> Tensor:
    """Bilinear weights of every token for each point.

    Args:
        coordinates: Tensor with shape (..., 2), (x, y) in [-1, 1].
        grid: Tokens down and across (H, W).

    Returns:
        Tensor with shape (..., T); its rows sum to 1.
    """
    x_hat, y_hat = (
        hats(_position(coordinates[..., axis], size), size)
        for axis, size in ((0, grid[1]), (1, grid[0]))
    )
    return (y_hat.unsqueeze(-1) * x_hat.unsqueeze(-2)).flatten(-2)


def _position(coordinate: Tensor, size: int) -> Tensor:
    """Where a coordinate in [-1, 1] lies between the tokens 0 and size-1."""
    return (coordinate + 1) / 2 * (size - 1)


def sample_features(tokens_SMNTC: Tensor, points: PairPoints) -> Tensor:
    """Unit features of every pair group at its points; no gradient.

    Args:
        tokens_SMNTC: Frozen target features with shape (S, M, N, T, C).
        points: Where to sample which crops.

    Returns:
        Tensor with shape (S*M*B, Q, J, C).
    """
    tokens, channels = tokens_SMNTC.shape[3:]
    groups = points.sources_SMBJ.shape[-1]
    indices, weights = corners(points.coordinates_SM2BQ2, points.grid)
    first_row_SMBJ = _maps(points.sources_SMBJ, tokens_SMNTC.shape[2]) * tokens
    rows_SMBQJ4 = _by_group(indices, groups) + first_row_SMBJ[:, :, :, None, :, None]
    sampled = functional.embedding_bag(
        rows_SMBQJ4.reshape(-1, 4),
        tokens_SMNTC.detach().reshape(-1, channels),
        per_sample_weights=_by_group(weights, groups).reshape(-1, 4),
        mode="sum",
    )
    unit = functional.normalize(sampled, dim=-1, eps=EPSILON)
    return unit.view(-1, points.coordinates_SM2BQ2.shape[-2], groups, channels)


def sample_codes(codes_SMNTK: Tensor, points: PairPoints) -> Tensor:
    """Unit codes of every pair group at its points, with gradient.

    Args:
        codes_SMNTK: Codes with shape (S, M, N, T, K).
        points: Where to sample which crops.

    Returns:
        Tensor with shape (S*M*B, Q, J, K).
    """
    tokens, width = codes_SMNTK.shape[3:]
    maps_GJ = _maps(points.sources_SMBJ, codes_SMNTK.shape[2]).flatten(0, 2)
    others = maps_GJ.shape[1] - 1
    hats_SM2BQT = hat_matrix(points.coordinates_SM2BQ2, points.grid)
    hats_own, hats_other = (hats.flatten(0, 2) for hats in hats_SM2BQT.unbind(dim=2))
    codes = codes_SMNTK.reshape(-1, tokens, width)
    own = codes.index_select(0, maps_GJ[:, 0])
    other = codes.index_select(0, maps_GJ[:, 1:].flatten()).view(-1, others, tokens, width)
    own_GQK = torch.bmm(hats_own, own)
    other_GQX = torch.bmm(hats_other, other.transpose(1, 2).flatten(2))
    sampled = torch.cat([own_GQK, other_GQX], dim=-1).view(*own_GQK.shape[:2], -1, width)
    return functional.normalize(sampled, dim=-1, eps=EPSILON)


def _maps(sources_SMBJ: Tensor, crops: int) -> Tensor:
    """Number each group's crop among the maps of all slots and modalities: (S, M, B, J)."""
    slots, modalities = sources_SMBJ.shape[:2]
    first = torch.arange(slots * modalities, device=sources_SMBJ.device) * crops
    return first.view(slots, modalities, 1, 1) + sources_SMBJ


def _by_group(values_SM2BQ4: Tensor, groups: int) -> Tensor:
    """The first set of points for group self, the second for the others: (S, M, B, Q, J, 4)."""
    own, other = values_SM2BQ4.unbind(dim=2)
    others = other.unsqueeze(-2).expand(*other.shape[:-1], groups - 1, 4)
    return torch.cat([own.unsqueeze(-2), others], dim=-2)
