"""CORAL: the distance between covariances.

Letters of shapes: ``docs/architecture.md``.
UniM2, supplementary, Eq. 2; Deep CORAL (Sun and Saenko, ECCV 2016 workshops), Eq. 1 to 3.
"""

from torch import Tensor

from trainer.losses.token_pairs import TokenPairs
from trainer.nn.precision import in_full

__all__ = ["coral"]


def coral(pairs: TokenPairs) -> Tensor:
    """Squared Frobenius distance of the (unbiased) covariances over 4 C^2.

    Returns:
        Tensor with shape (S, X).
    """
    with in_full(pairs.first_SIC.device):
        first_S1CC = _covariance(pairs.first_SIC.unsqueeze(1), pairs.weight_SI)
        others_SXCC = _covariance(pairs.others_SXIC, pairs.weight_SI)
        distance_SX = (others_SXCC - first_S1CC).square().sum(dim=(-2, -1))
        channels = pairs.first_SIC.shape[-1]
        return distance_SX / (4 * channels**2)


def _covariance(tokens_SXIC: Tensor, weight_SI: Tensor) -> Tensor:
    """Covariance of the channels with shape (S, X, C, C); padding has no weight."""
    weight_S1I1 = weight_SI[:, None, :, None]
    count_S111 = (weight_S1I1 > 0).to(tokens_SXIC).sum(dim=2, keepdim=True)
    centred = tokens_SXIC - (tokens_SXIC * weight_S1I1).sum(dim=2, keepdim=True)
    return (centred * weight_S1I1).mT @ centred * (count_S111 / (count_S111 - 1))
