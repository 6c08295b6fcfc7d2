"""The correspondence loss of all pair groups at once.

Letters of shapes: ``docs/architecture.md``.

STEGO (Hamilton et al., ICLR 2022), Eq. 1 to 4; UniM2 (UMSS, ECCV 2026);
authors' code: mhamilton723/STEGO at eb4d6b5, Hatins/UniM2 at 08fa082.

For query points i and points j of a group, F is the cosine of frozen features and S that of
codes. The loss of a group is the mean over crops, i and j of ``-max(S, 0) * (F' - b)``, where
F' is F less its mean over j, plus the mean of F over the whole group (pointwise centring).

Three exact identities make it cheap. The mean of F over j is the product with the mean target
vector, so the targets can be centred instead of F. The groups share their queries, so one product
serves all groups. The gradient with respect to S is ``-(F' - b)`` where S > 0, so the forward pass
computes the gradient of the codes with two products, and the loss is an inner product of the codes
with one of them.
"""

from typing import Any

import torch
from torch import Tensor

from trainer.losses.sampling import PairPoints, locate, sample_codes
from trainer.losses.targets import sample_targets
from trainer.nn.alignment import aligned, each_slot
from trainer.nn.blocks import blocks
from trainer.nn.precision import low_precision

__all__ = ["correspondence"]


def correspondence(
    targets_SMNTC: Tensor,
    codes_SMNTK: Tensor,
    points: PairPoints,
    *,
    weights_SMJ: Tensor,
    biases_SMJ: Tensor,
) -> Tensor:
    """Weighted loss of every modality.

    Args:
        targets_SMNTC: Frozen features with shape (S, M, N, T, C); no gradient reaches them.
        codes_SMNTK: Codes with shape (S, M, N, T, K).
        points: Where to compare.
        weights_SMJ: Factor of each group's loss with shape (S, M, J).
        biases_SMJ: The bias b of each group with shape (S, M, J).

    Returns:
        Tensor with shape (S, M); its sum over M is a slot's loss.
    """
    with torch.no_grad():
        sites = locate(points, crops=codes_SMNTK.shape[2])
        number = points.coordinates_SM2BQ2.shape[4] ** 2
        sample_weight_S1B1 = points.sample_weight_SB[:, None, :, None]
        factors_SMBJ = -weights_SMJ.unsqueeze(2) * sample_weight_S1B1 / number
        targets = sample_targets(targets_SMNTC, sites, factors_SMBJ.flatten(0, 2))
        mean_SMBJ = targets.mean_GJ.view(factors_SMBJ.shape)
        mean_SMJ = (mean_SMBJ * sample_weight_S1B1).sum(dim=2)
        level_SMBJ = (mean_SMJ - biases_SMJ).unsqueeze(2) * factors_SMBJ
    codes_GQJK = sample_codes(codes_SMNTK, sites)
    compared = (targets.queries_GQC, targets.centred_GQJC, level_SMBJ.flatten(0, 2))
    slots = len(points.sample_weight_SB)
    loss_G = each_slot(_PairProducts.apply, codes_GQJK, *compared, slots=slots)
    return loss_G.view(factors_SMBJ.shape[:3]).sum(dim=2)


class _PairProducts(torch.autograd.Function):
    """Sum over point pairs of ``max(S, 0) * level``; the forward pass computes its gradient."""

    @staticmethod
    def forward(
        ctx: Any, codes_GQJK: Tensor, queries_GQC: Tensor, targets_GQJC: Tensor, level_GJ: Tensor
    ) -> Tensor:
        """Loss of each query map, with shape (G,), of scaled targets and scaled ``mean - b``."""
        points, groups = codes_GQJK.shape[1:3]
        own_GQK, all_GIK = codes_GQJK[:, :, 0].contiguous(), aligned(codes_GQJK.flatten(1, 2))
        queries_GQC, targets_GIC = aligned(queries_GQC), aligned(targets_GQJC.flatten(1, 2))
        level_G1I = level_GJ.unsqueeze(1).expand(-1, points, -1).flatten(1).unsqueeze(1)
        to_all, to_own = torch.empty_like(all_GIK), torch.empty_like(own_GQK)
        multiply = _multiply_low if low_precision(all_GIK.device) else _multiply
        for part in blocks(len(all_GIK), numbers=points * points * groups, like=all_GIK):
            multiply(
                own_GQK[part],
                all_GIK[part],
                (level_G1I[part], queries_GQC[part], targets_GIC[part]),
                out=(to_all[part], to_own[part]),
            )
        loss_G = (to_all * all_GIK).sum(dim=(1, 2))
        gradient = to_all.view_as(codes_GQJK)
        gradient[:, :, 0] += to_own
        ctx.save_for_backward(gradient)
        return loss_G

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """Gradient of the codes; the other inputs have none."""
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0][:, None, None, None], None, None, None


def _multiply(
    own: Tensor,
    every: Tensor,
    slopes: tuple[Tensor, Tensor, Tensor],
    *,
    out: tuple[Tensor, Tensor],
) -> None:
    """Gradients for some maps: of the codes of all groups, and of the queries' own codes."""
    level, queries, targets = slopes
    similarity = torch.bmm(own, every.mT)
    slope = torch.baddbmm(level, queries, targets.mT)
    slope = torch.ops.aten.threshold_backward(slope, similarity, 0)
    torch.bmm(slope.mT, own, out=out[0])
    torch.bmm(slope, every, out=out[1])


def _multiply_low(
    own: Tensor,
    every: Tensor,
    slopes: tuple[Tensor, Tensor, Tensor],
    *,
    out: tuple[Tensor, Tensor],
) -> None:
    """The same under autocast, which does not apply to products with an ``out`` argument."""
    level, queries, targets = slopes
    similarity = torch.bmm(own, every.mT)
    slope = torch.bmm(queries, targets.mT) + level  # added in full precision: all pairs share it
    slope = torch.where(similarity > 0, slope, 0)
    out[0].copy_(torch.bmm(slope.mT, own))
    out[1].copy_(torch.bmm(slope, every))
