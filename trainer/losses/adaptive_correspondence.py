"""The correspondence loss of EAGLE, whose biases are computed from the batch.

Letters of shapes: ``docs/architecture.md``.

EAGLE (Kim et al., CVPR 2024); authors' code: MICV-yonsei/EAGLE at 5f2976c. F, centred, and S are
those of the correspondence loss. The loss of a pair of crops is the mean of ``-S' * (F - b)``,
where S' is S within 0 and 0.8. For positives ``b = |mean F - mean S - beta|``, for negatives
``b = scale * (mean F + mean S - beta)``, means over the whole batch. S in b has a gradient.
"""

import torch
from torch import Tensor

from trainer.losses.sampling import EPSILON
from trainer.nn.unit import unit

__all__ = ["adaptive_correspondence"]

LARGEST = 0.8  # of S; authors' configuration


def adaptive_correspondence(
    own: tuple[Tensor, Tensor],
    other: tuple[Tensor, Tensor],
    *,
    weight_B: Tensor,
    beta: float,
    scale: Tensor | None,
) -> Tensor:
    """Loss of one kind of pairs in one slot.

    Args:
        own: Sampled frozen features (B, Q, C) and codes (B, Q, K) of one crop of each pair.
        other: Those of the other crop.
        weight_B: Weight of each pair in the batch.
        beta: Subtracted in the bias.
        scale: Factor of the bias of negatives, a number; None for positives.

    Returns:
        A number.
    """
    with torch.no_grad():
        close_BQQ = _cosines(own[0], other[0])
        mean_BQ1 = close_BQQ.mean(dim=2, keepdim=True)
        level = (mean_BQ1.mean(dim=(1, 2)) * weight_B).sum()
        centred_BQQ = close_BQQ - mean_BQ1 + level
    similar_BQQ = _cosines(own[1], other[1])
    mean = (similar_BQQ.mean(dim=(1, 2)) * weight_B).sum()
    if scale is None:
        bias = (level - mean - beta).abs()
    else:
        bias = scale * (level + mean - beta)
    loss_B = -(similar_BQQ.clamp(0, LARGEST) * (centred_BQQ - bias)).mean(dim=(1, 2))
    return (loss_B * weight_B).sum()


def _cosines(own_BQC: Tensor, other_BQC: Tensor) -> Tensor:
    """Of all pairs of points: (B, Q, Q)."""
    return unit(own_BQC, epsilon=EPSILON) @ unit(other_BQC, epsilon=EPSILON).mT
