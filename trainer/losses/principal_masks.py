"""Principal masks of PriMaPs-EM, the classes they are given, and the loss that learns these.

Letters of shapes: ``docs/architecture.md``; L masks of a crop.

PriMaPs-EM (Hahn et al., TMLR 2024); authors' code: visinf/primaps at 7ca7757. A crop is split into
masks by its frozen features alone: the token that lies farthest along the first principal
component of all tokens without a mask, and those whose cosine with it is at least a share of the
largest one. All tokens of a mask are given the class that most of them have for a slow classifier.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.nn.alignment import each_slot
from trainer.nn.precision import in_full

__all__ = ["focal_loss", "mask_classes", "nearest_prototype_loss", "principal_masks", "settled"]

COVERED = 0.95  # share of the tokens with a mask after which no other is sought; authors' code
ROUNDS = 30  # of the power iteration (ours); the authors' randomised PCA takes 100
TINY = 1e-12  # smallest length by which vectors are divided
AROUND = 3  # side of the window of the median; authors' code


@torch.no_grad()
def principal_masks(features_NTC: Tensor, threshold_N: Tensor, *, count: int) -> Tensor:
    """The tokens of each mask, the first mask first; every token is in one at most.

    Args:
        features_NTC: Frozen features.
        threshold_N: Share of the largest cosine from which a token belongs to a mask.
        count: Number L of masks that are sought at most.

    Returns:
        Tensor with shape (N, L, T), bool.
    """
    with in_full(features_NTC.device):
        products_NTT = features_NTC @ features_NTC.mT
    length_NT = products_NTT.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt().clamp(min=TINY)
    cosines_NTT = products_NTT / (length_NT.unsqueeze(2) * length_NT.unsqueeze(1))
    free_NT = torch.ones_like(length_NT, dtype=torch.bool)
    masks: list[Tensor] = []
    while len(masks) < count:
        sought_N = (~free_NT).float().mean(dim=1) < COVERED
        if free_NT.device.type == "cpu" and not sought_N.any():  # a GPU would have to wait
            masks.extend(torch.zeros_like(free_NT) for _ in range(count - len(masks)))
            break
        along_NT = _principal(products_NTT, free_NT) / length_NT
        along_NT = along_NT * _sign(along_NT, free_NT)
        seed_N = along_NT.masked_fill(~free_NT, -torch.inf).argmax(dim=1)
        close_NT = cosines_NTT[torch.arange(len(seed_N), device=seed_N.device), seed_N]
        largest_N = close_NT.masked_fill(~free_NT, 0).amax(dim=1)
        mask_NT = (close_NT >= (threshold_N * largest_N).unsqueeze(1)) & free_NT
        mask_NT = mask_NT & sought_N.unsqueeze(1)
        masks.append(mask_NT)
        free_NT = free_NT & ~mask_NT
    return torch.stack(masks, dim=1)


def _principal(products_NTT: Tensor, free_NT: Tensor) -> Tensor:
    """Inner product of each feature with the first principal component of the free ones: (N, T).

    The component is a sum of the centred free features, so products of features are enough.
    """
    free = free_NT.to(products_NTT.dtype)
    total_N = free.sum(dim=1).clamp(min=1)
    mean_NT = torch.bmm(products_NTT, free.unsqueeze(2)).squeeze(2) / total_N.unsqueeze(1)
    level_N = (mean_NT * free).sum(dim=1) / total_N
    centred_NTT = products_NTT - mean_NT.unsqueeze(1) - mean_NT.unsqueeze(2)
    centred_NTT = centred_NTT + level_N[:, None, None]
    centred_NTT = centred_NTT * free.unsqueeze(1) * free.unsqueeze(2)
    farthest_N = centred_NTT.diagonal(dim1=1, dim2=2).argmax(dim=1)
    every_N = torch.arange(len(farthest_N), device=free.device)
    shares_NT1 = centred_NTT[every_N, farthest_N].unsqueeze(2)
    for _ in range(ROUNDS):
        shares_NT1 = torch.bmm(centred_NTT, shares_NT1)
        longest_N11 = shares_NT1.abs().amax(dim=1, keepdim=True)
        shares_NT1 = shares_NT1 / longest_N11.clamp(min=TINY)
    # the shares of the centred features add up to 0: the mean drops out
    return torch.bmm(products_NTT, shares_NT1).squeeze(2)


def _sign(along_NT: Tensor, free_NT: Tensor) -> Tensor:
    """That of the free token that lies farthest along the component: (N, 1), never 0."""
    seen_NT = along_NT.masked_fill(~free_NT, 0)
    farthest_N1 = seen_NT.gather(1, seen_NT.abs().argmax(dim=1, keepdim=True))
    return torch.where(farthest_N1 < 0, -1, 1)


@torch.no_grad()
def settled(masks_NLT: Tensor, grid: tuple[int, int]) -> Tensor:
    """Masks after a median over the 3 x 3 tokens around each, mirrored at the border.

    A token is in the mask to which most of these belong, or in none.
    """
    shape = (*masks_NLT.shape[:2], *grid)
    around = functional.pad(masks_NLT.float().view(shape), (1, 1, 1, 1), mode="reflect")
    share = functional.avg_pool2d(around, AROUND, stride=1)
    return (share > 0.5).flatten(2)


@torch.no_grad()
def mask_classes(masks_NLT: Tensor, classes_NT: Tensor, *, classes: int) -> tuple[Tensor, Tensor]:
    """The most frequent class of each token's mask, and whether the token is in a mask.

    Args:
        masks_NLT: The masks.
        classes_NT: Class of each token.
        classes: Number Y of classes.

    Returns:
        Tensors with shape (N, T): class, 0 without a mask, and bool.
    """
    masks = masks_NLT.float()
    votes_NLY = masks @ functional.one_hot(classes_NT, classes).float()
    class_NL1 = votes_NLY.argmax(dim=2, keepdim=True)  # the first one of equally frequent
    class_NT = (class_NL1 * masks_NLT).sum(dim=1)
    return class_NT, masks_NLT.any(dim=1)


def focal_loss(
    logits_SBTY: Tensor,
    classes_SBT: Tensor,
    known_SBT: Tensor,
    *,
    focus_S: Tensor,
    sample_weight_SB: Tensor,
) -> Tensor:
    """Cross-entropy in which classes that the batch is sure of count less, with shape (S,).

    The weight of a class is ``(1 - q)^focus``, where q is its mean probability in the batch. The
    mean is over all tokens; those of unknown class count 0.
    """

    def of_slots(
        logits: Tensor, classes: Tensor, known: Tensor, focus_S: Tensor, weight_SB: Tensor
    ) -> Tensor:
        chance_SBTY = logits.log_softmax(dim=-1)
        sure_SY = chance_SBTY.detach().exp().mean(dim=2).mul(weight_SB.unsqueeze(2)).sum(dim=1)
        counts_SY = (1 - sure_SY).clamp(min=0) ** focus_S.unsqueeze(1)
        own_SBT = chance_SBTY.gather(-1, classes.unsqueeze(-1)).squeeze(-1)
        counts_SBT = counts_SY.gather(1, classes.flatten(1)).view(classes.shape)
        return -((own_SBT * counts_SBT * known).mean(dim=2) * weight_SB).sum(dim=1)

    tensors = (logits_SBTY, classes_SBT, known_SBT, focus_S, sample_weight_SB)
    return each_slot(of_slots, *tensors, slots=len(focus_S))


def nearest_prototype_loss(cosines_SBTY: Tensor, sample_weight_SB: Tensor) -> Tensor:
    """Minus the mean cosine of each token and its nearest prototype, with shape (S,)."""
    nearest_SB = cosines_SBTY.amax(dim=-1).mean(dim=2)
    return -(nearest_SB * sample_weight_SB).sum(dim=1)
