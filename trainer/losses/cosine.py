"""Cosine: one minus the cosine of each projected token and the first modality's token.

Letters of shapes: ``docs/architecture.md``.
UniM2, supplementary, Eq. 4.
"""

from torch import Tensor

from trainer.losses.token_pairs import TokenPairs
from trainer.nn.unit import unit

__all__ = ["cosine"]

EPSILON = 1e-8  # smallest length by which tokens are divided


def cosine(pairs: TokenPairs) -> Tensor:
    """One minus the mean cosine of the pairs of tokens.

    Returns:
        Tensor with shape (S, X).
    """
    first_S1IC = unit(pairs.first_SIC, epsilon=EPSILON).unsqueeze(1)
    cosine_SXI = (first_S1IC * unit(pairs.others_SXIC, epsilon=EPSILON)).sum(dim=-1)
    return ((1 - cosine_SXI) * pairs.weight_SI.unsqueeze(1)).sum(dim=-1)
