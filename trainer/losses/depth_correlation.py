"""The depth loss of DepthG: points of a crop at similar depth are to have similar codes.

Letters of shapes: ``docs/architecture.md``.

DepthG (Sick et al., CVPR 2024); authors' code: leonsick/depthg at 0316879. The loss has the form
of the correspondence loss of a crop with itself, with depth in the place of the features: the mean
over points i and j of ``-max(S, 0) * (D - b)``. S is the cosine of the codes; D compares the
depths and is not centred.

What D is, is open. The authors' code scales the one number that is the depth of a point to unit
length before it multiplies two of them, so its D is 1 for any two points with depth
(``released``). With ``difference`` D is 1 less the difference of the two depths as a share of the
range within the crop, which is our reading of the aim that the paper states.
"""

from typing import Literal

import torch
from torch import Tensor

from trainer.losses.sampling import EPSILON, reading_weights
from trainer.nn.alignment import each_slot
from trainer.nn.unit import unit

__all__ = ["Affinity", "depth_correlation"]

Affinity = Literal["difference", "released"]


def depth_correlation(
    codes_SBTK: Tensor,
    depth_SBT: Tensor,
    points_SBQ2: Tensor,
    *,
    grid: tuple[int, int],
    bias_S: Tensor,
    sample_weight_SB: Tensor,
    affinity: Affinity,
) -> Tensor:
    """Loss of the pairs of points within each crop.

    Args:
        codes_SBTK: Codes of the queries.
        depth_SBT: Depth of their tokens.
        points_SBQ2: Points (x, y) in [-1, 1]^2 to compare.
        grid: Tokens down and across (H, W).
        bias_S: The bias b.
        sample_weight_SB: Weight of each query in its slot's batch.
        affinity: How D compares two depths.

    Returns:
        Tensor with shape (S,).
    """

    def of_slots(
        codes_SBTK: Tensor, depth_SBT: Tensor, points_SBQ2: Tensor, bias_S: Tensor, weight: Tensor
    ) -> Tensor:
        reading_GQT = reading_weights(points_SBQ2, grid).flatten(0, 1)
        codes_GTK = codes_SBTK.flatten(0, 1).clone()  # begins on a cache line
        codes_GQK = unit(torch.bmm(reading_GQT, codes_GTK), epsilon=EPSILON)
        depth_GQ = (reading_GQT * depth_SBT.flatten(0, 1).unsqueeze(1)).sum(dim=-1)
        similarity_GQQ = torch.bmm(codes_GQK, codes_GQK.mT).clamp(min=0)
        level_GQQ = _affinity(depth_GQ, affinity) - bias_S.repeat_interleave(
            codes_SBTK.shape[1]
        ).view(-1, 1, 1)
        loss_SB = -(similarity_GQQ * level_GQQ).mean(dim=(1, 2)).view(weight.shape)
        return (loss_SB * weight).sum(dim=1)

    tensors = (codes_SBTK, depth_SBT, points_SBQ2, bias_S, sample_weight_SB)
    return each_slot(of_slots, *tensors, slots=len(codes_SBTK))


def _affinity(depth_GQ: Tensor, affinity: Affinity) -> Tensor:
    """D of all pairs of points: (G, Q, Q)."""
    if affinity == "released":
        there_GQ = (depth_GQ > 0).to(depth_GQ.dtype)
        return there_GQ.unsqueeze(2) * there_GQ.unsqueeze(1)
    least, most = depth_GQ.amin(dim=1), depth_GQ.amax(dim=1)
    difference_GQQ = (depth_GQ.unsqueeze(2) - depth_GQ.unsqueeze(1)).abs()
    return 1 - difference_GQQ / (most - least).clamp(min=EPSILON)[:, None, None]
