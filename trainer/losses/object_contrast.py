"""The object contrast of EAGLE: tokens are drawn to the centre of their object.

Letters of shapes: ``docs/architecture.md``; I are the B*T tokens of a slot, O the objects.

EAGLE (Kim et al., CVPR 2024); authors' code: MICV-yonsei/EAGLE at 5f2976c. The centre of an object
is the medoid of its tokens in the whole batch: the token with the smallest sum of distances to the
others. Each token, and the same token in the other view, is classified among the centres.
"""

import torch
from torch import Tensor

__all__ = ["object_contrast", "token_weights"]

TEMPERATURE = 0.07  # authors' configuration
OTHER_VIEW = 0.7  # share of the other view's tokens in the loss; authors' configuration


def object_contrast(
    own_IK: Tensor, other_IK: Tensor, objects_I: Tensor, weight_I: Tensor, *, objects: int
) -> Tensor:
    """Half of the weighted cross-entropy of both views of one slot.

    Args:
        own_IK: Projected codes of unit length of the view whose objects are given.
        other_IK: Those of the other view.
        objects_I: Object of each token.
        weight_I: Weight of each token in the mean; 0 for padding.
        objects: Number O of objects, some of which may be absent.

    Returns:
        A number.
    """
    place_O, there_O = _medoids(own_IK.detach(), objects_I, weight_I != 0, objects)
    centres_OK = own_IK[place_O]

    def loss(tokens_IK: Tensor) -> Tensor:
        logits_IO = (tokens_IK @ centres_OK.mT / TEMPERATURE).masked_fill(~there_O, -torch.inf)
        own_I1 = torch.where(weight_I != 0, objects_I, there_O.int().argmax()).unsqueeze(1)
        chance_I = logits_IO.log_softmax(dim=1).gather(1, own_I1).squeeze(1)
        return -(chance_I * weight_I).sum()

    return ((1 - OTHER_VIEW) * loss(own_IK) + OTHER_VIEW * loss(other_IK)) / 2


@torch.no_grad()
def _medoids(
    tokens_IK: Tensor, objects_I: Tensor, present_I: Tensor, objects: int
) -> tuple[Tensor, Tensor]:
    """Place of each object's medoid, and whether the object is there."""
    places, there = [], []
    for number in range(objects):
        members = torch.nonzero((objects_I == number) & present_I).squeeze(1)
        there.append(len(members) > 0)
        if not len(members):
            places.append(tokens_IK.new_zeros((), dtype=torch.int64))
            continue
        own = tokens_IK[members]
        distance = (2 - 2 * own @ own.mT).clamp(min=0).sqrt()  # of unit vectors
        places.append(members[distance.sum(dim=0).argmin()])
    return torch.stack(places), torch.tensor(there, device=tokens_IK.device)


@torch.no_grad()
def token_weights(features_NTC: Tensor) -> Tensor:
    """Mean of each row of the products of all tokens, whose columns have unit length: (N, T)."""
    products_NTT = features_NTC @ features_NTC.mT
    length_N1T: Tensor = torch.linalg.vector_norm(products_NTT, dim=1, keepdim=True)
    return (products_NTT / length_N1T.clamp(min=1e-12)).mean(dim=2)
