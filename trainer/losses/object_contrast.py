"""The object contrast of EAGLE: tokens are drawn to the centre of their object.

Letters of shapes: ``docs/architecture.md``; I are the B*T tokens of a slot, O the objects.

EAGLE (Kim et al., CVPR 2024); authors' code: MICV-yonsei/EAGLE at 5f2976c. The centre of an object
is the medoid of its tokens in the whole batch: the token with the smallest sum of distances to the
others. Each token, and the same token in the other view, is classified among the centres.
"""

import torch
from torch import Tensor

from trainer.nn.precision import in_full

__all__ = ["object_contrast", "token_weights"]

TEMPERATURE = 0.07  # authors' configuration
ROWS = 1024  # tokens whose distances are held at a time
OTHER_VIEW = 0.7  # share of the other view's tokens in the loss; authors' configuration


def object_contrast(
    own_IK: Tensor,
    other_IK: Tensor,
    objects_I: Tensor,
    weight_I: Tensor,
    *,
    objects: int,
    smoothing: float = 0.0,
) -> Tensor:
    """Half of the weighted cross-entropy of both views of one slot.

    Args:
        own_IK: Projected codes of unit length of the view whose objects are given.
        other_IK: Those of the other view.
        objects_I: Object of each token.
        weight_I: Weight of each token in the mean; 0 for padding.
        objects: Number O of objects, some of which may be absent.
        smoothing: Share of each label that is spread evenly over the objects that are there.

    Returns:
        A number.
    """
    place_O, there_O = _medoids(own_IK.detach(), objects_I, weight_I != 0, objects)
    centres_OK = own_IK[place_O]

    def loss(tokens_IK: Tensor) -> Tensor:
        logits_IO = (tokens_IK @ centres_OK.mT / TEMPERATURE).masked_fill(~there_O, -torch.inf)
        own_I1 = torch.where(weight_I != 0, objects_I, there_O.int().argmax()).unsqueeze(1)
        chance_IO = logits_IO.log_softmax(dim=1)
        chance_I = chance_IO.gather(1, own_I1).squeeze(1)
        if smoothing:
            every_I = torch.where(there_O, chance_IO, 0).sum(dim=1) / there_O.sum().clamp(min=1)
            chance_I = torch.lerp(chance_I, every_I, smoothing)
        return -(chance_I * weight_I).sum()

    return ((1 - OTHER_VIEW) * loss(own_IK) + OTHER_VIEW * loss(other_IK)) / 2


@torch.no_grad()
def _medoids(
    tokens_IK: Tensor, objects_I: Tensor, present_I: Tensor, objects: int
) -> tuple[Tensor, Tensor]:
    """Place of each object's medoid, and whether the object is there, without waiting for either.

    Rows are taken part by part to save memory.
    """
    sums = [
        _distances_within(own_IK, kinds_I, tokens_IK, objects_I, present_I)
        for own_IK, kinds_I in zip(
            torch.split(tokens_IK, ROWS), torch.split(objects_I, ROWS), strict=True
        )
    ]
    numbers_O1 = torch.arange(objects, device=objects_I.device).unsqueeze(1)
    members_OI = (objects_I == numbers_O1) & present_I
    place_O = torch.cat(sums).masked_fill(~members_OI, torch.inf).argmin(dim=1)
    return place_O, members_OI.any(dim=1)


def _distances_within(
    own_IK: Tensor, kinds_I: Tensor, tokens_IK: Tensor, objects_I: Tensor, present_I: Tensor
) -> Tensor:
    """Sum of the distances of some unit vectors to all others of their object: (I,)."""
    with in_full(tokens_IK.device):  # a difference of nearly equal numbers
        distance_II = (2 - 2 * own_IK @ tokens_IK.mT).clamp(min=0).sqrt()
    same_II = (kinds_I.unsqueeze(1) == objects_I) & present_I
    return (distance_II * same_II).sum(dim=1)


@torch.no_grad()
def token_weights(features_NTC: Tensor) -> Tensor:
    """Mean of each row of the products of all tokens, whose columns have unit length: (N, T)."""
    products_NTT = features_NTC @ features_NTC.mT
    length_N1T: Tensor = torch.linalg.vector_norm(products_NTT, dim=1, keepdim=True)
    return (products_NTT / length_N1T.clamp(min=1e-12)).mean(dim=2)
