"""Gaussian filtering of many points at once, on a permutohedral lattice.

Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice
(Eurographics 2010). A point with F features is inside a simplex of a lattice in F dimensions. Its
value is distributed to the simplex's A = F+1 corners, blurred along each of the A directions of
the lattice, and collected from the same corners. The number of operations is proportional to the
number of points, while the exact sum needs its square.

The lattice's kernel approximates a Gaussian; the two differ most for points that are a few
deviations apart. Only corners near some point exist, so values that would pass through an empty
position are lost: a few percent for features as sparse as colours.

Letters of shapes: ``docs/architecture.md``, and F features of a point, A = F+1 corners of
a simplex, v vertices of the lattice.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Lattice"]


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """The filter of a set of points; created by :meth:`of`."""

    #: The corners of each point's simplex and its barycentric weights, each with shape (I, A).
    corners: Tensor
    weights: Tensor
    #: The same sorted by corner: points, weights, and the start of each corner's list.
    points: Tensor
    point_weights: Tensor
    starts: Tensor
    #: Each corner's two neighbours in each direction, (A, v, 2); v for a missing one.
    neighbours: Tensor

    @classmethod
    def of(cls, features_IF: Tensor) -> "Lattice":
        """Build a lattice for points.

        Args:
            features_IF: Features in units of the kernel's standard deviation.
        """
        keys_IAA, weights_IA = _simplices(features_IF)
        codes_IA, steps_A = _encode(keys_IAA)
        known_v, corners = torch.unique(codes_IA, return_inverse=True)
        order = torch.argsort(corners.flatten(), stable=True)
        counts_v = torch.bincount(corners.flatten(), minlength=len(known_v))
        return cls(
            corners=corners,
            weights=weights_IA,
            points=order // corners.shape[1],
            point_weights=weights_IA.flatten()[order],
            starts=counts_v.cumsum(0) - counts_v,
            neighbours=torch.stack([_beside(known_v, step) for step in steps_A.tolist()]),
        )

    def filter(self, values_IY: Tensor) -> Tensor:
        """Sum every point's values over all points, weighted by the kernel (1 at distance 0).

        Args:
            values_IY: Tensor with shape (I, Y), float32.

        Returns:
            Tensor with shape (I, Y). The scale is the kernel's up to a factor that is the same for
            all points and cancels when divided by the sum of weights.
        """
        table_vY = functional.embedding_bag(
            self.points,
            values_IY,
            self.starts,
            per_sample_weights=self.point_weights,
            mode="sum",
        )
        for beside_v2 in self.neighbours:
            table_vY = table_vY + _sum_rows(table_vY, beside_v2) / 2
        return functional.embedding_bag(
            self.corners, table_vY, per_sample_weights=self.weights, mode="sum"
        )


def _simplices(features_IF: Tensor) -> tuple[Tensor, Tensor]:
    """Lattice coordinates (I, A, A) and barycentric weights (I, A) of each corner.

    The second axis is the corner: corner k has coordinates that are all k modulo A. The
    coordinates of a corner, on the third axis, add up to 0.
    """
    count, axes = len(features_IF), features_IF.shape[1] + 1
    elevated = features_IF.double() @ _elevation(axes - 1).to(features_IF.device).mT
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
    """From F features to the plane of A coordinates that add up to 0: (A, F).

    Columns are orthogonal and equally long, which preserves the proportions of distances. Their
    length makes splatting, blurring and slicing together a Gaussian with unit deviation.
    """
    basis = torch.zeros(features + 1, features, dtype=torch.float64)
    for axis in range(features):
        basis[: axis + 1, axis] = 1
        basis[axis + 1, axis] = -(axis + 1)
        basis[:, axis] /= math.sqrt((axis + 1) * (axis + 2))
    return basis * (features + 1) * math.sqrt(2 / 3)


def _encode(keys_IAA: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates as one integer (I, A), and the change of that integer for each direction.

    The last coordinate follows from the others. A margin prevents overflow between coordinates.
    """
    axes = keys_IAA.shape[2]
    free = keys_IAA[..., :-1]
    low = free.amin(dim=(0, 1)) - axes
    extent = free.amax(dim=(0, 1)) + axes + 1 - low
    assert math.prod(extent.tolist()) < 2**63, "features span too many deviations"
    place = torch.cat([extent.new_ones(1), extent.cumprod(0)[:-1]])
    codes_IA = ((free - low) * place).sum(dim=-1)
    # a step adds 1 to every coordinate but its own, which loses F
    steps_A = place.sum() - axes * torch.cat([place, place.new_zeros(1)])
    return codes_IA, steps_A


def _beside(known_v: Tensor, step: int) -> Tensor:
    """Indices of the corners one step before and after each; v for a missing one: (v, 2)."""
    count = len(known_v)
    found = []
    for wanted in (known_v - step, known_v + step):
        index = torch.searchsorted(known_v, wanted).clamp(max=count - 1)
        found.append(torch.where(known_v[index] == wanted, index, count))
    return torch.stack(found, dim=1)


def _sum_rows(table_vY: Tensor, rows_v2: Tensor) -> Tensor:
    """Sum of two rows each; the row after the last is 0."""
    padded = torch.cat([table_vY, table_vY.new_zeros(1, table_vY.shape[1])])
    return functional.embedding_bag(rows_v2, padded, mode="sum", padding_idx=len(table_vY))
