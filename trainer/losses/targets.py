"""Targets of the correspondence loss: sampled frozen features, centred and scaled.

Letters of shapes: ``docs/architecture.md``.

They are the largest arrays of a step. A few maps at a time are sampled, normalised, centred and
scaled while they are in the cache, and then written once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.losses.sampling import Sites, sample_features
from trainer.nn.blocks import blocks

__all__ = ["Targets", "sample_targets"]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What codes are compared with; no gradient reaches it."""

    #: Unit features of the queries with shape (G, Q, C).
    queries_GQC: Tensor
    #: Unit features less their mean over points, times the factor of their group: (G, Q, J, C).
    #: Their products with the queries have row mean 0.
    centred_GQJC: Tensor
    #: Mean of F over both points with shape (G, J).
    mean_GJ: Tensor


@torch.no_grad()
def sample_targets(tokens_SMNTC: Tensor, sites: Sites, factors_GJ: Tensor) -> Targets:
    """Sample frozen features at the points of a step.

    Args:
        tokens_SMNTC: Frozen features with shape (S, M, N, T, C).
        sites: Where to sample which maps.
        factors_GJ: Factor of the centred features of each group.
    """
    (maps, groups), points = sites.maps_GJ.shape, sites.tokens_G2Q4.shape[2]
    channels = tokens_SMNTC.shape[-1]
    made = Targets(
        queries_GQC=tokens_SMNTC.new_empty(maps, points, channels),
        centred_GQJC=tokens_SMNTC.new_empty(maps, points, groups, channels),
        mean_GJ=tokens_SMNTC.new_empty(maps, groups),
    )
    for part in blocks(maps, numbers=points * groups * channels, like=tokens_SMNTC):
        features_GQJC = sample_features(tokens_SMNTC, sites.part(part))
        made.queries_GQC[part] = features_GQJC[:, :, 0]
        mean_G1JC = features_GQJC.mean(dim=1, keepdim=True)
        made.mean_GJ[part] = (mean_G1JC * mean_G1JC[:, :, :1]).sum(dim=-1).squeeze(1)
        centred_GQJC = torch.sub(features_GQJC, mean_G1JC, out=made.centred_GQJC[part])
        centred_GQJC *= factors_GJ[part, None, :, None]
    return made
