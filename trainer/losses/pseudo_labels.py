"""Pseudo labels of TransFGU: classes from windows, maps of each class, and the losses on them.

Letters of shapes: ``docs/architecture.md``.

TransFGU (Yin et al., ECCV 2022); authors' code: damo-cv/TransFGU at ea49bcd. There a window of the
image passes through the vision transformer and leaves its class token, and the gradient of the
class token with respect to its attention is the map of a class. Here both use cached features: a
window's feature is the mean of its tokens, and the attention is that of a mean over all tokens,
whose gradient is known in closed form.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.nn.alignment import each_slot
from trainer.nn.unit import unit

__all__ = ["bootstrap_losses", "class_maps", "cluster_windows", "normed_maps", "window_means"]

SCALES = (0.5, 0.4, 0.3, 0.2)  # sides of windows as shares of the shorter side; authors' code
KEPT = 0.8  # share of a map's positive gradients that stays, the largest first; authors' code
ROUNDS = 25  # of K-means
TINY = 1e-12


def window_means(features_NHWC: Tensor) -> Tensor:
    """Mean feature of every window of every crop: (I, C).

    Windows of a scale lie half a side apart, as in the authors' code.
    """
    shorter = min(features_NHWC.shape[1:3])
    sides = dict.fromkeys(max(1, int(scale * shorter)) for scale in SCALES)
    maps = features_NHWC.permute(0, 3, 1, 2)
    means = [functional.avg_pool2d(maps, side, stride=max(1, side // 2)) for side in sides]
    return torch.cat([each.flatten(2).mT.flatten(0, 1) for each in means])


def cluster_windows(means_IC: Tensor, uniform_Y: Tensor) -> Tensor:
    """Centres of windows by K-means: (Y, C).

    Args:
        means_IC: Features of the windows.
        uniform_Y: Numbers from 0 to 1 that choose the first centres, as in K-means++.
    """
    centres, far_I = [], torch.ones(len(means_IC), dtype=means_IC.dtype)
    for uniform in uniform_Y:
        total_I = far_I.cumsum(dim=0)
        place = torch.searchsorted(total_I, uniform.to(total_I) * total_I[-1])
        centres.append(means_IC[place.clamp(max=len(means_IC) - 1)])
        apart_I = (means_IC - centres[-1]).square().sum(dim=1)
        far_I = apart_I if len(centres) == 1 else torch.minimum(far_I, apart_I)
    centres_YC = torch.stack(centres)
    for _ in range(ROUNDS):
        nearest_I = torch.cdist(means_IC, centres_YC).argmin(dim=1)
        sums_YC = torch.zeros_like(centres_YC).index_add_(0, nearest_I, means_IC)
        sizes_Y1 = torch.bincount(nearest_I, minlength=len(centres_YC)).unsqueeze(1)
        centres_YC = torch.where(sizes_Y1 > 0, sums_YC / sizes_Y1.clamp(min=1), centres_YC)
    return centres_YC


@torch.no_grad()
def class_maps(features_NTC: Tensor, centres_YC: Tensor) -> Tensor:
    """How much each token speaks for each class: (N, T, Y).

    The cosine of a crop's mean feature with a centre grows with the weight of some tokens in that
    mean. These have 1, the attention of a mean over its largest, and the gradient, if that is
    among the largest that make up :data:`KEPT` of all; the others have 0.
    """
    mean_NC = features_NTC.mean(dim=1)
    length_N = torch.linalg.vector_norm(mean_NC, dim=1).clamp(min=TINY)
    own_NC, wanted_YC = mean_NC / length_N.unsqueeze(1), unit(centres_YC, epsilon=TINY)
    cosine_N1Y = (own_NC @ wanted_YC.mT).unsqueeze(1)
    along_NTY = features_NTC @ wanted_YC.mT
    across_NT1 = features_NTC @ own_NC.unsqueeze(2)
    gradient_NTY = (along_NTY - cosine_N1Y * across_NT1) / length_N[:, None, None]
    for_NTY = gradient_NTY.clamp(min=0)
    ordered_NTY, order_NTY = for_NTY.sort(dim=1, stable=True)
    share_NTY = ordered_NTY.cumsum(dim=1) / for_NTY.sum(dim=1, keepdim=True).clamp(min=TINY)
    kept_NTY = torch.zeros_like(share_NTY, dtype=torch.bool)
    kept_NTY.scatter_(1, order_NTY, share_NTY > 1 - KEPT)
    return torch.where(gradient_NTY >= 0, 1 + for_NTY * kept_NTY, 0)


@torch.no_grad()
def normed_maps(maps_NTY: Tensor) -> Tensor:
    """The maps of each crop, from 0 to 1."""
    low, high = maps_NTY.amin(dim=(1, 2), keepdim=True), maps_NTY.amax(dim=(1, 2), keepdim=True)
    return (maps_NTY - low) / (high - low).clamp(min=TINY)


def bootstrap_losses(
    logits_SBTY: Tensor,
    chances_SBTY: Tensor,
    *,
    against_S: Tensor,
    order_SY: Tensor,
    sample_weight_SB: Tensor,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the pseudo labels less that of wrong ones, and doubt; both (S,).

    Args:
        logits_SBTY: Logits of the student.
        chances_SBTY: How much speaks for each class; the largest is the pseudo label.
        against_S: Weight of the wrong labels.
        order_SY: A permutation of the classes, which makes labels wrong.
        sample_weight_SB: Weight of each crop in its slot's batch.

    Returns:
        The first is per token; doubt is 1 less the difference of the two largest probabilities.
    """
    order_SBTY = order_SY[:, None, None].expand_as(chances_SBTY)
    label_SBT1 = chances_SBTY.argmax(dim=-1, keepdim=True)
    wrong_SBT1 = chances_SBTY.gather(-1, order_SBTY).argmax(dim=-1, keepdim=True)

    def of_slots(
        logits: Tensor, label: Tensor, wrong: Tensor, against_S: Tensor, weight_SB: Tensor
    ) -> Tensor:
        chance_SBTY = logits.log_softmax(dim=-1)
        right_SBT = -chance_SBTY.gather(-1, label).squeeze(-1)
        wrong_SBT = -chance_SBTY.gather(-1, wrong).squeeze(-1)
        two_SBT2 = chance_SBTY.exp().topk(2, dim=-1).values
        terms = (
            right_SBT - against_S[:, None, None] * wrong_SBT,
            1 - (two_SBT2[..., 0] - two_SBT2[..., 1]),
        )
        return torch.stack([(term.mean(dim=2) * weight_SB).sum(dim=1) for term in terms], dim=1)

    tensors = (logits_SBTY, label_SBT1, wrong_SBT1, against_S, sample_weight_SB)
    losses_S2 = each_slot(of_slots, *tensors, slots=len(against_S))
    return losses_S2[:, 0], losses_S2[:, 1]
