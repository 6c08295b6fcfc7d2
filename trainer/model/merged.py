"""The modality-specific networks and a fusion's first layer, as fewer and smaller products.

Letters of shapes: ``docs/architecture.md``; H hidden channels of a network, D those of the fusion.

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


def merged_layers(hidden_SMNTH: Tensor, views: Views, *, last: str, first: str) -> Tensor:
    """Rectified output of the fusion's first layer.

    Equal to the layer ``last``, division of each token by its length, and the layer ``first`` of
    the concatenated modalities, but for rounding.

    Args:
        hidden_SMNTH: Rectified hidden channels of each modality's network.
        views: Parameters.
        last: Name of the last layer of the networks, which has a stack of M members.
        first: Name of the first layer of the fusion.

    Returns:
        Tensor with shape (S, N, T, D).
    """
    weight_SDW, bias_SD = views[f"{first}.weight"], views[f"{first}.bias"]
    with in_full(hidden_SMNTH.device):
        network_SMhC = torch.cat(
            [views[f"{last}.weight"].mT, views[f"{last}.bias"].unsqueeze(-2)], dim=-2
        )
        modalities, channels = network_SMhC.shape[1], network_SMhC.shape[-1]
        fusion_SMDC = weight_SDW.unflatten(-1, (modalities, channels)).transpose(1, 2)
        both_SMDh = _products(fusion_SMDC, network_SMhC)
        gram_SMhh = _products(network_SMhC, network_SMhC)
    inverse_SMNT1 = _length(hidden_SMNTH, gram_SMhh).clamp(min=EPSILON).reciprocal()
    inputs_SMNTh = torch.cat([hidden_SMNTH * inverse_SMNT1, inverse_SMNT1], dim=-1)
    layer = {"weight": both_SMDh.transpose(1, 2).flatten(2), "bias": bias_SD}
    maps_SNTW = torch.cat(inputs_SMNTh.unbind(dim=1), dim=-1)
    return linear(maps_SNTW, {f"both.{key}": each for key, each in layer.items()}, "both", relu=True)


def _products(rows: Tensor, others: Tensor) -> Tensor:
    """Inner products of the rows of two matrices of each member: (S, M, rows, others)."""
    zero = rows.new_zeros(*others.shape[:-1])
    return linear(rows, {"rows.weight": others, "rows.bias": zero}, "rows")


def _length(hidden_SMNTH: Tensor, gram_SMhh: Tensor) -> Tensor:
    """Length of A h: (S, M, N, T, 1)."""
    width = hidden_SMNTH.shape[-1]
    own = gram_SMhh[..., :width, :width]
    layer = {"gram.weight": own, "gram.bias": 2 * gram_SMhh[..., :width, width]}
    squares = (linear(hidden_SMNTH, layer, "gram") * hidden_SMNTH).sum(dim=-1, keepdim=True)
    squares = squares + gram_SMhh[..., width:, width:].unsqueeze(-3)
    return squares.clamp(min=EPSILON**2).sqrt()
