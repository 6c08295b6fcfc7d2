"""The loss of HP: supervised contrast whose positives are found, not given.

Letters of shapes: ``docs/architecture.md``; I are all B*T tokens of the queries, and O the
reference tokens of the pool.

Leveraging Hidden Positives (Seong et al., CVPR 2023); authors' code: hynnsk/HP at 2ce07bd. Two
tokens i and j are positives of each other if their cosine exceeds the largest cosine of i, or that
of j, to the pool: global ones in the space of frozen features, task-specific ones in that of the
codes of an averaged head. Each token with a global positive is an anchor. The loss of a crop is
the mean of ``-log p_ij`` over all pairs of its anchors and their positives, so an anchor weighs as
much as its positives do. p is a softmax of cosines over a temperature; it runs over the global
positives and a small random share of all other tokens. A task-specific positive counts lambda.

The random share is drawn with one number for each of two tokens: i is contrasted with j if the
fraction of u_i + v_j is below the share. So any pair is chosen with that probability, pairs of one
anchor independently, and 2*I numbers suffice where the authors draw T*I.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.nn.precision import in_full

__all__ = ["Positives", "contrast", "hidden_positives"]

BASE_TEMPERATURE = 0.07  # by which the temperature is divided as a factor; authors' code


@dataclass(frozen=True, kw_only=True)
class Positives:
    """Pairs of one slot."""

    #: Weight of each pair of an anchor and a positive with shape (I, I): 1, lambda, both or 0.
    weight_II: Tensor
    #: Pairs over which the softmax runs: (I, I).
    contrasted_II: Tensor


@torch.no_grad()
def hidden_positives(
    features_IC: Tensor,
    codes_IK: Tensor,
    *,
    pool_features_OC: Tensor,
    pool_codes_OK: Tensor,
    present_I: Tensor,
    uniform_2I: Tensor,
    share: float,
    lambda_specific: Tensor,
) -> Positives:
    """Find the positives of all tokens of a slot.

    Args:
        features_IC: Frozen features of unit length.
        codes_IK: Codes of the averaged head, of unit length.
        pool_features_OC: Features of the pool, of unit length.
        pool_codes_OK: Codes of the pool, of unit length.
        present_I: Whether a token is not padding.
        uniform_2I: Two uniform numbers for each token.
        share: Share of other tokens that are contrasted.
        lambda_specific: Weight of task-specific positives, a number.
    """
    itself_II = torch.eye(len(present_I), dtype=torch.bool, device=present_I.device)
    other_II = present_I.unsqueeze(1) & present_I & ~itself_II
    global_II = _nearer_than_pool(features_IC, pool_features_OC) & other_II
    specific_II = _nearer_than_pool(codes_IK, pool_codes_OK) & other_II
    first_I, second_I = uniform_2I
    random_II = (first_I.unsqueeze(1) + second_I) % 1 < share
    anchor_I1 = global_II.any(dim=1, keepdim=True)
    weight_II = global_II + lambda_specific * specific_II
    return Positives(
        weight_II=weight_II * anchor_I1, contrasted_II=global_II | (random_II & other_II)
    )


def _nearer_than_pool(tokens_IC: Tensor, pool_OC: Tensor) -> Tensor:
    """Pairs that are closer than one of the two is to any reference token: (I, I)."""
    with in_full(tokens_IC.device):  # compared with each other
        nearest_I = (tokens_IC @ pool_OC.mT).amax(dim=1)
        cosine_II = tokens_IC @ tokens_IC.mT
    return (cosine_II > nearest_I.unsqueeze(1)) | (cosine_II > nearest_I)


def contrast(
    projected_IK: Tensor, positives: Positives, *, temperature: Tensor, weight_B: Tensor
) -> Tensor:
    """Loss of the positives of one slot, crop by crop to save memory.

    Args:
        projected_IK: Projected codes of unit length.
        positives: Positives of all tokens.
        temperature: A number.
        weight_B: Weight of each crop in the batch.

    Returns:
        A number; 0 for crops without any positive.
    """
    crops = zip(
        projected_IK.chunk(len(weight_B)),
        positives.weight_II.chunk(len(weight_B)),
        positives.contrasted_II.chunk(len(weight_B)),
        weight_B,
        strict=True,
    )
    total = projected_IK.new_zeros(())
    for own_TK, weight_TI, contrasted_TI, crop_weight in crops:
        logits_TI = own_TK @ projected_IK.mT / temperature
        anchor_T1 = contrasted_TI.any(dim=1, keepdim=True)
        chosen_TI = logits_TI.masked_fill(~contrasted_TI & anchor_T1, -torch.inf)
        log_share_TI = logits_TI - chosen_TI.logsumexp(dim=1, keepdim=True)
        mean = (weight_TI * log_share_TI).sum() / weight_TI.sum().clamp(min=1)
        total = total - crop_weight * mean
    return temperature / BASE_TEMPERATURE * total
