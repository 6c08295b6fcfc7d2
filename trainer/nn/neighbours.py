"""Mixing of each token with the 3 x 3 tokens around it.

Letters of shapes: ``docs/architecture.md``. The axis of 9 holds the 3 x 3 tokens row by row.

The weights are those of HP (Seong et al., CVPR 2023; authors' code: hynnsk/HP at 2ce07bd): each
row of an affinity is clipped to its 10 % and 90 % quantiles, a softmax is taken over all tokens,
and weights below their mean become 0.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["NEIGHBOURS", "local_weights", "mix"]

NEIGHBOURS = 9
QUANTILES = (0.1, 0.9)  # authors' code


def local_weights(affinity_NTT: Tensor, grid: tuple[int, int]) -> Tensor:
    """Weight of each of the tokens around each token; 0 beyond the border.

    Args:
        affinity_NTT: Affinity of each token to each.
        grid: Tokens down and across (H, W).

    Returns:
        Tensor with shape (N, T, 9).
    """
    low, high = _quantiles(affinity_NTT)
    weights_NTT = torch.maximum(torch.minimum(affinity_NTT, high), low).softmax(dim=-1)
    weights_NTT = weights_NTT.masked_fill(weights_NTT < weights_NTT.mean(dim=-1, keepdim=True), 0)
    own_T = torch.arange(grid[0] * grid[1], device=affinity_NTT.device).view(1, *grid, 1)
    places_TN = _shifted(own_T, grid, beyond=-1).view(-1, NEIGHBOURS)
    inside_TN = places_TN >= 0
    found = weights_NTT.gather(2, places_TN.clamp(min=0).expand(len(weights_NTT), -1, -1))
    return found * inside_TN


def mix(tokens_NTK: Tensor, weights_NT9: Tensor, grid: tuple[int, int]) -> Tensor:
    """Weighted sum of the tokens around each token, divided by their number.

    Args:
        tokens_NTK: Tokens.
        weights_NT9: Their weights.
        grid: Tokens down and across (H, W).

    Returns:
        Tensor with shape (N, T, K).
    """
    maps = torch.unflatten(tokens_NTK, 1, grid)
    around = _shifted(maps, grid, beyond=0).flatten(1, 2)  # (N, T, 9, K)
    ones = tokens_NTK.new_ones(1, *grid, 1)
    count_T1 = _shifted(ones, grid, beyond=0).flatten(1, 2).sum(dim=2)[0]
    return (around * weights_NT9.unsqueeze(-1)).sum(dim=2) / count_T1


def _shifted(maps: Tensor, grid: tuple[int, int], *, beyond: float) -> Tensor:
    """The tokens around each: (N, H, W, K) to (N, H, W, 9, K)."""
    rows, columns = grid
    padded = functional.pad(maps, (0, 0, 1, 1, 1, 1), value=beyond)
    return torch.stack(
        [
            padded[:, down : down + rows, across : across + columns]
            for down in range(3)
            for across in range(3)
        ],
        dim=3,
    )


def _quantiles(values: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper quantile of each row, linear between two values.

    ``torch.quantile`` takes no more than 16 million numbers.
    """
    ascending, last = values.sort(dim=-1).values, values.shape[-1] - 1
    found = []
    for share in QUANTILES:
        below = int(share * last)
        part = share * last - below
        above = min(below + 1, last)
        found.append(torch.lerp(ascending[..., below], ascending[..., above], part).unsqueeze(-1))
    return found[0], found[1]
