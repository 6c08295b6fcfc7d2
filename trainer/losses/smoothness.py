"""The losses of SmooSeg: labels are to be smooth, and predictable from the code.

Letters of shapes: ``docs/architecture.md``.

SmooSeg (Lan et al., NeurIPS 2023); authors' code: mc-lan/SmooSeg at f9428f3. For tokens i and j of
a crop and itself, or of a crop and a random other one, F is the cosine of their frozen features,
centred as in the correspondence loss: less its mean over j, plus its mean over the whole batch. S
is the cosine of their soft labels. The smoothness loss is the mean of ``(F' - b) * (1 - S)`` over
all tokens: labels of tokens that are closer than b are to agree, those of others to differ. All
tokens are compared, not a sample of points.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.nn.alignment import each_slot
from trainer.nn.unit import unit

__all__ = ["label_logits", "prediction_loss", "smoothness"]

EPSILON = 1e-10  # of the cosines; authors' code


def smoothness(
    features_SBTC: Tensor,
    labels_SBTY: Tensor,
    *,
    partners_SB: Tensor,
    biases_S2: Tensor,
    sample_weight_SB: Tensor,
) -> Tensor:
    """Smoothness of the labels within each crop, and between each crop and another.

    Args:
        features_SBTC: Frozen features; no gradient reaches them.
        labels_SBTY: Soft labels.
        partners_SB: Index of the crop with which each one is compared, 0 to B-1.
        biases_S2: The bias b within a crop, and across crops.
        sample_weight_SB: Weight of each crop in its slot's batch.

    Returns:
        Tensor with shape (S, 2).
    """
    tensors = (features_SBTC.detach(), labels_SBTY, partners_SB, biases_S2, sample_weight_SB)
    return each_slot(_of_slots, *tensors, slots=len(features_SBTC))


def _of_slots(
    features_SBTC: Tensor,
    labels_SBTY: Tensor,
    partners_SB: Tensor,
    biases_S2: Tensor,
    weight_SB: Tensor,
) -> Tensor:
    features = unit(features_SBTC, epsilon=EPSILON)
    labels = unit(labels_SBTY, epsilon=EPSILON)
    slots_S1 = torch.arange(len(features), device=features.device).unsqueeze(1)
    pairs = (
        (features, labels),
        (features[slots_S1, partners_SB], labels[slots_S1, partners_SB]),
    )
    losses = [
        _energy(features, others, labels, theirs, bias_S, weight_SB)
        for (others, theirs), bias_S in zip(pairs, biases_S2.unbind(dim=1), strict=True)
    ]
    return torch.stack(losses, dim=1)


def _energy(
    features: Tensor,
    others: Tensor,
    labels: Tensor,
    theirs: Tensor,
    bias_S: Tensor,
    weight_SB: Tensor,
) -> Tensor:
    """Mean of (F' - b)(1 - S) over the batch: (S,)."""
    with torch.no_grad():
        close_SBTT = features @ others.mT
        mean_SBT1 = close_SBTT.mean(dim=3, keepdim=True)
        level_S = (mean_SBT1.mean(dim=(2, 3)) * weight_SB).sum(dim=1) - bias_S
        pull_SBTT = close_SBTT - mean_SBT1 + level_S[:, None, None, None]
    apart_SBTT = 1 - labels @ theirs.mT
    return ((pull_SBTT * apart_SBTT).mean(dim=(2, 3)) * weight_SB).sum(dim=1)


def label_logits(codes_SBTK: Tensor, prototypes_SYK: Tensor) -> Tensor:
    """Cosine of every code and every prototype: (S, B, T, Y)."""

    def of_slots(codes_SBTK: Tensor, prototypes_SYK: Tensor) -> Tensor:
        codes = unit(codes_SBTK, epsilon=EPSILON).flatten(1, 2)
        cosines_SIY = torch.bmm(codes, unit(prototypes_SYK, epsilon=EPSILON).mT)
        return cosines_SIY.view(*codes_SBTK.shape[:3], -1)

    return each_slot(of_slots, codes_SBTK, prototypes_SYK, slots=len(prototypes_SYK))


def prediction_loss(logits_SBTY: Tensor, classes_SBT: Tensor, sample_weight_SB: Tensor) -> Tensor:
    """Mean cross-entropy of the predicted classes.

    Args:
        logits_SBTY: Logits of the student.
        classes_SBT: Classes of the teacher.
        sample_weight_SB: Weight of each crop in its slot's batch.

    Returns:
        Tensor with shape (S,).
    """

    def of_slots(logits_SBTY: Tensor, classes_SBT: Tensor, weight_SB: Tensor) -> Tensor:
        losses = functional.cross_entropy(
            logits_SBTY.flatten(0, 2), classes_SBT.flatten(), reduction="none"
        )
        return (losses.view(classes_SBT.shape).mean(dim=2) * weight_SB).sum(dim=1)

    tensors = (logits_SBTY, classes_SBT, sample_weight_SB)
    return each_slot(of_slots, *tensors, slots=len(logits_SBTY))
