"""Spherical K-means on a complete set of codes, as the start of the cluster probe.

It makes sense only for codes that separate tokens before training: frozen features, or what a
method starts from them.

Letters of shapes: ``docs/architecture.md``.
"""

import torch
from torch import Tensor

from trainer.nn.unit import unit
from trainer.scoring.probes import EPSILON

__all__ = ["spherical_kmeans"]

ROUNDS = 25  # of assignment and mean; scores change little after a dozen


def spherical_kmeans(codes_IK: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Centres of clusters of tokens by their cosines.

    Initialised as in K-means++ (Arthur and Vassilvitskii, SODA 2007), with 1 minus the largest
    cosine as the distance. A cluster that loses all of its tokens keeps its centre.

    Args:
        codes_IK: Codes with shape (I, K), of any length.
        count: Number Y of clusters.
        generator: Draws the initial tokens.

    Returns:
        Centres with shape (Y, K), of unit length.
    """
    tokens_IK = unit(codes_IK, epsilon=EPSILON)
    centres_YK = _spread_tokens(tokens_IK, count, generator)
    before_I = None
    for _ in range(ROUNDS):
        nearest_I = (tokens_IK @ centres_YK.mT).argmax(dim=1)
        if before_I is not None and torch.equal(nearest_I, before_I):
            break  # further rounds would change nothing
        before_I = nearest_I
        sums_YK = torch.zeros_like(centres_YK).index_add_(0, nearest_I, tokens_IK)
        sizes_Y1 = torch.bincount(nearest_I, minlength=count)[:, None]
        centres_YK = torch.where(sizes_Y1 > 0, unit(sums_YK, epsilon=EPSILON), centres_YK)
    return centres_YK


def _spread_tokens(tokens_IK: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Tokens that are far apart, with shape (Y, K)."""
    far_I = torch.ones(len(tokens_IK))
    chosen: list[Tensor] = []
    for _ in range(count):
        weights_I = far_I if far_I.sum() > 0 else torch.ones_like(far_I)
        place = torch.multinomial(weights_I, 1, generator=generator)
        chosen.append(tokens_IK[place[0]])
        far_I = torch.minimum(far_I, (1 - tokens_IK @ chosen[-1]).clamp(min=0))
    return torch.stack(chosen)
