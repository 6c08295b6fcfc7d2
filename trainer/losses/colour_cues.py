"""Cues of colour: fuzzy clusters of a crop's colours, and a contrast that ignores changed colours.

Both are ours; no released code is behind them.

Letters of shapes: ``docs/architecture.md``; F fuzzy clusters of a crop, D channels of a token.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.nn.alignment import each_slot
from trainer.nn.unit import unit

__all__ = ["colour_contrast", "cue_loss", "fuzzy_clusters"]

ROUNDS = 10  # of memberships and centres
TINY = 1e-6  # added to distances
EPSILON = 1e-10  # of the cosines
SIDE = 3  # of the neighbourhood


@torch.no_grad()
def fuzzy_clusters(
    colours_NT3: Tensor, grid: tuple[int, int], *, count: int, place: float, neighbours: float
) -> Tensor:
    """Memberships of spatially constrained fuzzy C-means (Bezdek 1981; exponent 2): (N, T, F).

    Tokens are their colour and their place. The squared distance of a token to a centre has the
    mean of those of the 3 x 3 tokens around it added, so that single tokens follow their
    surroundings. Centres begin at tokens of evenly spaced lightness.

    Args:
        colours_NT3: Mean colour of each token, from 0 to 1.
        grid: Tokens down and across (H, W).
        count: Number F of clusters.
        place: Weight of rows and columns, which run from 0 to 1.
        neighbours: Weight of the distances around a token.
    """
    rows, columns = (torch.linspace(0, 1, size).to(colours_NT3) for size in grid)
    places_T2 = torch.cartesian_prod(rows, columns) * place
    places_NT2 = places_T2.expand(len(colours_NT3), -1, -1)
    tokens_NTD = torch.cat([colours_NT3, places_NT2], dim=2)
    order_NT = colours_NT3.sum(dim=2).argsort(dim=1, stable=True)
    steps_F = ((torch.arange(count) + 0.5) * order_NT.shape[1] / count).long()
    first_NF = order_NT[:, steps_F.to(order_NT.device)]
    width = tokens_NTD.shape[2]
    centres_NFD = tokens_NTD.gather(1, first_NF.unsqueeze(2).expand(-1, -1, width))
    shares_NTF = torch.zeros(*tokens_NTD.shape[:2], count).to(tokens_NTD)
    for _ in range(ROUNDS):
        apart_NTFD = tokens_NTD.unsqueeze(2) - centres_NFD.unsqueeze(1)
        apart_NTF = apart_NTFD.square().sum(dim=3)
        maps = apart_NTF.mT.reshape(len(apart_NTF), count, *grid)
        around = functional.avg_pool2d(maps, SIDE, 1, SIDE // 2, count_include_pad=False)
        close_NTF = 1 / (apart_NTF + neighbours * around.flatten(2).mT + TINY)
        shares_NTF = close_NTF / close_NTF.sum(dim=2, keepdim=True)
        weights_NTF = shares_NTF.square()
        total_NF1 = weights_NTF.sum(dim=1).unsqueeze(2)
        centres_NFD = (weights_NTF.mT @ tokens_NTD) / total_NF1
    return shares_NTF


def cue_loss(
    codes_SBTK: Tensor, shares_SBTF: Tensor, *, bias_S: Tensor, sample_weight_SB: Tensor
) -> Tensor:
    """Mean of ``-max(S, 0) * (A - b)`` over all pairs of tokens of a crop, with shape (S,).

    S is the cosine of the codes, A that of the memberships: codes of tokens whose colours are
    alike agree.
    """

    def of_slots(codes: Tensor, shares: Tensor, bias_S: Tensor, weight_SB: Tensor) -> Tensor:
        similar, alike = (
            (units := unit(each, epsilon=EPSILON)) @ units.mT for each in (codes, shares)
        )
        losses = -(similar.clamp(min=0) * (alike - bias_S[:, None, None, None]))
        return (losses.mean(dim=(2, 3)) * weight_SB).sum(dim=1)

    tensors = (codes_SBTK, shares_SBTF, bias_S, sample_weight_SB)
    return each_slot(of_slots, *tensors, slots=len(bias_S))


def colour_contrast(
    codes_SBTK: Tensor, changed_SBTK: Tensor, *, temperature: float, sample_weight_SB: Tensor
) -> Tensor:
    """Cross-entropy of finding each token among those of its crop in other colours: (S,)."""

    def of_slots(codes: Tensor, changed: Tensor, weight_SB: Tensor) -> Tensor:
        cosines = unit(codes, epsilon=EPSILON) @ unit(changed, epsilon=EPSILON).mT
        chance = (cosines / temperature).log_softmax(dim=-1).diagonal(dim1=2, dim2=3)
        return -(chance.mean(dim=2) * weight_SB).sum(dim=1)

    tensors = (codes_SBTK, changed_SBTK, sample_weight_SB)
    return each_slot(of_slots, *tensors, slots=len(codes_SBTK))
