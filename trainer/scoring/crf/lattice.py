"""Gaussian filtering of many points at once, on a permutohedral lattice.

Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice
(Eurographics 2010). A point with D features lies in a simplex of a lattice in D dimensions;
its value is given to the simplex's D+1 corners, blurred along each of the D+1 directions of
the lattice, and taken back from the same corners. That costs as many operations as there are
points, where the exact sum costs their square.

The lattice's kernel is close to a Gaussian, not equal to it; the two differ most for points
that are a few deviations apart. Only corners that some point touches exist, so what would
pass through an empty place is lost: with features as sparse as colours are, a few percent.

Shape letters: N points, D features a point, V corners, Y values a point.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Lattice"]


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """The filter of a set of points; made by :meth:`of`."""

    #: The corners of each point's simplex and its barycentric weights, each with shape (N, D+1).
    corners: Tensor
    weights: Tensor
    #: The same by corner: points, weights, and where each corner's list begins.
    points: Tensor
    point_weights: Tensor
    starts: Tensor
    #: Each corner's two neighbours in each direction, (D+1, V, 2); V where there is none.
    neighbours: Tensor

    @classmethod
    def of(cls, features_ND: Tensor) -> "Lattice":
        """Lay a lattice through points.

        Args:
            features_ND: Features in units of the kernel's standard deviation.
        """
        keys_NCC, weights_NC = _simplices(features_ND)
        codes_NC, steps_C = _encode(keys_NCC)
        known_V, corners = torch.unique(codes_NC, return_inverse=True)
        order = torch.argsort(corners.flatten(), stable=True)
        counts_V = torch.bincount(corners.flatten(), minlength=len(known_V))
        return cls(
            corners=corners,
            weights=weights_NC,
            points=order // corners.shape[1],
            point_weights=weights_NC.flatten()[order],
            starts=counts_V.cumsum(0) - counts_V,
            neighbours=torch.stack([_beside(known_V, step) for step in steps_C.tolist()]),
        )

    def filter(self, values_NY: Tensor) -> Tensor:
        """Sum every point's values over all points, weighted by the kernel (1 at distance 0).

        Args:
            values_NY: Tensor with shape (N, Y), float32.

        Returns:
            Tensor with shape (N, Y). The scale is the kernel's but for a constant that is the
            same for all points; whoever normalises by the sum of weights never sees it.
        """
        table_VY = functional.embedding_bag(
            self.points,
            values_NY,
            self.starts,
            per_sample_weights=self.point_weights,
            mode="sum",
        )
        for beside_V2 in self.neighbours:
            table_VY = table_VY + _sum_rows(table_VY, beside_V2) / 2
        return functional.embedding_bag(
            self.corners, table_VY, per_sample_weights=self.weights, mode="sum"
        )


def _simplices(features_ND: Tensor) -> tuple[Tensor, Tensor]:
    """Lattice coordinates (N, D+1, D+1) and barycentric weights (N, D+1) of each corner.

    The second axis is the corner: the one of remainder k has coordinates that are all k
    modulo D+1. Coordinates of a corner, the third axis, add up to 0.
    """
    count, axes = len(features_ND), features_ND.shape[1] + 1
    elevated = features_ND.double() @ _elevation(axes - 1).to(features_ND.device).mT
    nearest = (elevated / axes).round()
    rank = (elevated - nearest * axes).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    excess = nearest.sum(dim=1, keepdim=True).long()
    rank = rank + excess
    wrapped = (rank < 0).long() - (rank >= axes).long()
    base, rank = (nearest.long() + wrapped) * axes, rank + wrapped * axes
    inside = (elevated - base) / axes
    # ordered from the largest part to the smallest; weights are the differences between them
    ordered = torch.zeros(count, axes, dtype=inside.dtype, device=inside.device)
    ordered.scatter_(1, rank, inside)
    weights = torch.empty_like(ordered)
    weights[:, 0] = 1 + ordered[:, -1] - ordered[:, 0]
    weights[:, 1:] = (ordered[:, :-1] - ordered[:, 1:]).flip(1)
    remainder = torch.arange(axes, device=rank.device)
    lowered = rank[:, None, :] >= axes - remainder[:, None]
    keys = base[:, None, :] + remainder[:, None] - axes * lowered
    return keys, weights.float()


def _elevation(features: int) -> Tensor:
    """From D features to the plane of D+1 coordinates that add up to 0: (D+1, D).

    Columns are orthogonal and equally long, so that distances keep their proportions. Their
    length makes splatting, blurring and slicing together a Gaussian of unit deviation.
    """
    basis = torch.zeros(features + 1, features, dtype=torch.float64)
    for axis in range(features):
        basis[: axis + 1, axis] = 1
        basis[axis + 1, axis] = -(axis + 1)
        basis[:, axis] /= math.sqrt((axis + 1) * (axis + 2))
    return basis * (features + 1) * math.sqrt(2 / 3)


def _encode(keys_NCC: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates as one integer (N, D+1), and by how much a step in each direction moves it.

    The last coordinate follows from the others. A margin keeps steps from running over.
    """
    axes = keys_NCC.shape[2]
    free = keys_NCC[..., :-1]
    low = free.amin(dim=(0, 1)) - axes
    extent = free.amax(dim=(0, 1)) + axes + 1 - low
    assert math.prod(extent.tolist()) < 2**63, "features span too many deviations"
    place = torch.cat([extent.new_ones(1), extent.cumprod(0)[:-1]])
    codes_NC = ((free - low) * place).sum(dim=-1)
    # a step adds 1 to every coordinate but its own, which loses D
    steps_C = place.sum() - axes * torch.cat([place, place.new_zeros(1)])
    return codes_NC, steps_C


def _beside(known_V: Tensor, step: int) -> Tensor:
    """Indices of the corners a step before and after each; V where there is none: (V, 2)."""
    count = len(known_V)
    found = []
    for wanted in (known_V - step, known_V + step):
        index = torch.searchsorted(known_V, wanted).clamp(max=count - 1)
        found.append(torch.where(known_V[index] == wanted, index, count))
    return torch.stack(found, dim=1)


def _sum_rows(table_VY: Tensor, rows_V2: Tensor) -> Tensor:
    """Sum of two rows each; the row after the last is 0."""
    padded = torch.cat([table_VY, table_VY.new_zeros(1, table_VY.shape[1])])
    return functional.embedding_bag(rows_V2, padded, mode="sum", padding_idx=len(table_VY))
