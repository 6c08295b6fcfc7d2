"""MMD: the squared maximum mean discrepancy between the tokens of two modalities.

Letters of shapes: ``docs/architecture.md``, and E = 2·I tokens of two modalities.

UniM2, supplementary, Eq. 3, with the kernels of Deep Adaptation Networks (Long et al., ICML 2015),
Section 4: the mean of five Gaussians, with widths around the median of the squared distances.
It is the biased estimate, which includes all pairs and is never negative.
"""

import torch
from torch import Tensor

from trainer.losses.token_pairs import TokenPairs
from trainer.nn.precision import in_full

__all__ = ["mmd"]

KERNELS = 5  # each twice as wide as the previous one; the middle one has the median width
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
        both_SXEC = _both(sampled)
        weight_S1E = torch.cat([sampled.weight_SI, -sampled.weight_SI], dim=1).unsqueeze(1)
        distance_SXEE = _squared_distances(both_SXEC)
        width_SX11 = _median(distance_SXEE.detach(), weight_S1E)
        kernel_SXEE = _kernel(distance_SXEE, width_SX11.clamp(min=SMALLEST_WIDTH))
        embedded_SXE = (kernel_SXEE * weight_S1E.unsqueeze(-2)).sum(dim=-1)
        return (embedded_SXE * weight_S1E).sum(dim=-1)


def _both(pairs: TokenPairs) -> Tensor:
    """Tokens of the first modality, then of another; their origin is the former's mean."""
    origin_S1C = (pairs.first_SIC * pairs.weight_SI.unsqueeze(-1)).sum(dim=1, keepdim=True)
    first_S1IC = (pairs.first_SIC - origin_S1C).unsqueeze(1)
    others_SXIC = pairs.others_SXIC - origin_S1C.unsqueeze(1)
    return torch.cat([first_S1IC.expand_as(others_SXIC), others_SXIC], dim=2)


def _squared_distances(tokens_SXEC: Tensor) -> Tensor:
    """Of all pairs, with shape (S, X, E, E)."""
    product_SXEE = tokens_SXEC @ tokens_SXEC.mT
    square_SXE = tokens_SXEC.square().sum(dim=-1)
    both_SXEE = square_SXE.unsqueeze(-1) + square_SXE.unsqueeze(-2)
    return (both_SXEE - 2 * product_SXEE).clamp(min=0)


def _median(distance_SXEE: Tensor, weight_S1E: Tensor) -> Tensor:
    """The median over pairs of different tokens, padding aside, with shape (S, X, 1, 1)."""
    present_S1E = weight_S1E != 0
    selected = present_S1E.unsqueeze(-1) & present_S1E.unsqueeze(-2)
    size = distance_SXEE.shape[-1]
    selected = selected & ~torch.eye(size, dtype=torch.bool, device=distance_SXEE.device)
    known = torch.where(selected, distance_SXEE, torch.nan).flatten(2)
    return known.nanmedian(dim=-1).values[..., None, None]


def _kernel(distance_SXEE: Tensor, width_SX11: Tensor) -> Tensor:
    """Mean of the Gaussians exp(-distance / width) over the widths, by repeated squaring."""
    widest = 2 ** (KERNELS // 2)
    gaussian = torch.exp(-distance_SXEE / (width_SX11 * widest))
    total = gaussian
    for _ in range(KERNELS - 1):
        gaussian = gaussian.square()
        total = total + gaussian
    return total / KERNELS
