"""MMD: the squared maximum mean discrepancy between the tokens of two modalities.

Shape letters: S slots, X auxiliary modalities, I tokens of each modality, P = 2*I tokens of both,
C feature channels.

UniM2, supplementary, Eq. 3, with the kernels of Deep Adaptation Networks (Long et al., ICML 2015),
Section 4: the mean of five Gaussians, whose widths lie around the median of the squared distances.
It is the biased estimate, all pairs included, and so never negative.
"""

import torch
from torch import Tensor

from trainer.losses.token_pairs import TokenPairs
from trainer.nn.precision import in_full

__all__ = ["mmd"]

KERNELS = 5  # each twice as wide as the one before; the middle one by the median
SMALLEST_WIDTH = 1e-12


def mmd(pairs: TokenPairs, *, tokens: int) -> Tensor:
    """Squared distance of the mean embeddings.

    Args:
        pairs: Tokens of the first modality and of the others.
        tokens: How many of each modality to compare, at most.

    Returns:
        Tensor with shape (S, X).
    """
    sampled = pairs.sample(tokens)
    with in_full(pairs.first_SIC.device):
        both_SXPC = _both(sampled)
        weight_S1P = torch.cat([sampled.weight_SI, -sampled.weight_SI], dim=1).unsqueeze(1)
        distance_SXPP = _squared_distances(both_SXPC)
        width_SX11 = _median(distance_SXPP.detach(), weight_S1P)
        kernel_SXPP = _kernel(distance_SXPP, width_SX11.clamp(min=SMALLEST_WIDTH))
        embedded_SXP = (kernel_SXPP * weight_S1P.unsqueeze(-2)).sum(dim=-1)
        return (embedded_SXP * weight_S1P).sum(dim=-1)


def _both(pairs: TokenPairs) -> Tensor:
    """Tokens of the first modality, then of another; their origin is the former's mean."""
    origin_S1C = (pairs.first_SIC * pairs.weight_SI.unsqueeze(-1)).sum(dim=1, keepdim=True)
    first_S1IC = (pairs.first_SIC - origin_S1C).unsqueeze(1)
    others_SXIC = pairs.others_SXIC - origin_S1C.unsqueeze(1)
    return torch.cat([first_S1IC.expand_as(others_SXIC), others_SXIC], dim=2)


def _squared_distances(tokens_SXPC: Tensor) -> Tensor:
    """Of all pairs, with shape (S, X, P, P)."""
    product_SXPP = tokens_SXPC @ tokens_SXPC.mT
    square_SXP = tokens_SXPC.square().sum(dim=-1)
    both_SXPP = square_SXP.unsqueeze(-1) + square_SXP.unsqueeze(-2)
    return (both_SXPP - 2 * product_SXPP).clamp(min=0)


def _median(distance_SXPP: Tensor, weight_S1P: Tensor) -> Tensor:
    """The median over pairs of different tokens, padding aside, with shape (S, X, 1, 1)."""
    present_S1P = weight_S1P != 0
    counted = present_S1P.unsqueeze(-1) & present_S1P.unsqueeze(-2)
    size = distance_SXPP.shape[-1]
    counted = counted & ~torch.eye(size, dtype=torch.bool, device=distance_SXPP.device)
    known = torch.where(counted, distance_SXPP, torch.nan).flatten(2)
    return known.nanmedian(dim=-1).values[..., None, None]


def _kernel(distance_SXPP: Tensor, width_SX11: Tensor) -> Tensor:
    """Mean of the Gaussians exp(-distance / width) over the widths, by repeated squaring."""
    widest = 2 ** (KERNELS // 2)
    gaussian = torch.exp(-distance_SXPP / (width_SX11 * widest))
    total = gaussian
    for _ in range(KERNELS - 1):
        gaussian = gaussian.square()
        total = total + gaussian
    return total / KERNELS
