"""A linear layer over the last axis, one for each slot: a 1x1 convolution of token maps."""

import math

import torch
from torch import Tensor

from trainer.parameters import Views

__all__ = ["linear"]


def linear(inputs: Tensor, views: Views, name: str) -> Tensor:
    """Apply the layer ``name``, every member of the stack to its own inputs.

    Args:
        inputs: Tensor with shape (*stack, ..., channels in); the stack begins with the slots.
        views: Parameters; the weight has shape (*stack, channels out, channels in).
        name: Dotted name of the layer.

    Returns:
        Tensor with shape (*stack, ..., channels out).
    """
    weight, bias = views[f"{name}.weight"], views[f"{name}.bias"]
    stack, (outputs, width) = weight.shape[:-2], weight.shape[-2:]
    members = math.prod(stack)
    product = torch.baddbmm(
        bias.reshape(members, 1, outputs),
        inputs.reshape(members, -1, width),
        weight.reshape(members, outputs, width).mT,
    )
    return product.view(*inputs.shape[:-1], outputs)
