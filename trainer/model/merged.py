"""The modality-specific networks and a fusion's first layer, as fewer and smaller products.

Letters of shapes: ``docs/architecture.md``; E hidden channels of a network, e = E + 1, and
O hidden channels of the fusion.

A network ends with a linear layer, y = A h; a constant 1 in h is for its bias. The fusion begins
with another, V, of y divided by its length. Since V (A h) = (V A) h and |A h|^2 = h . (A'A) h,
neither needs y, which has more channels than h: V A and A'A do not depend on the tokens.
"""

import torch
from torch import Tensor

from trainer.model.normalise import EPSILON
from trainer.nn.linear import linear
from trainer.nn.parameters import Views
from trainer.nn.precision import in_full

__all__ = ["merged_layers"]


def merged_layers(hidden_SMNTE: Tensor, views: Views, *, last: str, first: str) -> Tensor:
    """Rectified output of the fusion's first layer.

    Equal to the layer ``last``, division of each token by its length, and the layer ``first`` of
    the concatenated modalities, but for rounding.

    Args:
        hidden_SMNTE: Rectified hidden channels of each modality's network.
        views: Parameters.
        last: Name of the last layer of the networks, which has a stack of M members.
        first: Name of the first layer of the fusion.

    Returns:
        Tensor with shape (S, N, T, O).
    """
    weight_SOI, bias_SO = views[f"{first}.weight"], views[f"{first}.bias"]
    with in_full(hidden_SMNTE.device):
        network_SMeC = torch.cat(
            [views[f"{last}.weight"].mT, views[f"{last}.bias"].unsqueeze(-2)], dim=-2
        )
        modalities, channels = network_SMeC.shape[1], network_SMeC.shape[-1]
        fusion_SMOC = weight_SOI.view(*weight_SOI.shape[:2], modalities, channels).transpose(1, 2)
        both_SMOe = _products(fusion_SMOC, network_SMeC)
        gram_SMee = _products(network_SMeC, network_SMeC)
    inverse_SMNT1 = _length(hidden_SMNTE, gram_SMee).clamp(min=EPSILON).reciprocal()
    inputs_SMNTe = torch.cat([hidden_SMNTE * inverse_SMNT1, inverse_SMNT1], dim=-1)
    layer = {"weight": both_SMOe.transpose(1, 2).flatten(2), "bias": bias_SO}
    maps_SNTI = torch.cat(inputs_SMNTe.unbind(dim=1), dim=-1)
    return linear(
        maps_SNTI, {f"both.{key}": each for key, each in layer.items()}, "both", relu=True
    )


def _products(rows: Tensor, others: Tensor) -> Tensor:
    """Inner products of the rows of two matrices of each member: (S, M, rows, others)."""
    zero = rows.new_zeros(*others.shape[:-1])
    return linear(rows, {"rows.weight": others, "rows.bias": zero}, "rows")


def _length(hidden_SMNTE: Tensor, gram_SMee: Tensor) -> Tensor:
    """Length of A h: (S, M, N, T, 1)."""
    width = hidden_SMNTE.shape[-1]
    own = gram_SMee[..., :width, :width]
    layer = {"gram.weight": own, "gram.bias": 2 * gram_SMee[..., :width, width]}
    squares = (linear(hidden_SMNTE, layer, "gram") * hidden_SMNTE).sum(dim=-1, keepdim=True)
    squares = squares + gram_SMee[..., width:, width:].unsqueeze(-3)
    return squares.clamp(min=EPSILON**2).sqrt()
