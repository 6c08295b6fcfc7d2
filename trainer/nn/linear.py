"""A linear layer over the last axis for each slot, which is a 1x1 convolution of token maps.

Its gradient is hand-written: three products, where autograd would go through eight views.
In low precision, only the factors of these products are rounded.
Factors begin on a cache line (:mod:`trainer.nn.alignment`).
"""

import math
from typing import Any

import torch
from torch import Tensor

from trainer.nn.alignment import aligned, each_slot
from trainer.nn.parameters import Views
from trainer.nn.precision import as_in_forward, low_precision

__all__ = ["linear"]


def linear(inputs: Tensor, views: Views, name: str, *, relu: bool = False) -> Tensor:
    """Apply the layer ``name``; every member of the stack has its own inputs.

    Args:
        inputs: Tensor with shape (*stack, ..., channels in); the stack begins with the slots.
        views: Parameters; the weight has shape (*stack, channels out, channels in).
        name: Dotted name of the layer.
        relu: Whether negative results become 0.

    Returns:
        Tensor with shape (*stack, ..., channels out).
    """

    def apply(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        made: Tensor = _Linear.apply(inputs, weight, bias, relu)
        return made

    weight, bias = views[f"{name}.weight"], views[f"{name}.bias"]
    return each_slot(apply, inputs, weight, bias, slots=len(weight))


class _Linear(torch.autograd.Function):
    """Inside, the stack is one axis of members and the rest of the inputs one of rows."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
        outputs, width = weight.shape[-2:]
        members = math.prod(weight.shape[:-2])
        rows = aligned(inputs.reshape(members, -1, width))
        matrix = aligned(weight.reshape(members, outputs, width))
        shift = aligned(bias.reshape(members, 1, outputs))
        made = torch.baddbmm(shift, rows, matrix.mT).to(inputs.dtype)
        if relu:
            made.relu_()
        ctx.save_for_backward(rows, matrix, made if relu else None)
        ctx.shapes = inputs.shape, weight.shape, bias.shape
        ctx.low = low_precision(inputs.device)
        return made.view(*inputs.shape[:-1], outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        rows, matrix, rectified = ctx.saved_tensors
        inputs_shape, weight_shape, bias_shape = ctx.shapes
        gradient = aligned(grads[0].reshape(len(matrix), -1, matrix.shape[1]))
        if rectified is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, rectified, 0)
        to_inputs = None
        with as_in_forward(gradient.device, low=ctx.low):
            if ctx.needs_input_grad[0]:  # not for frozen features
                to_inputs = torch.bmm(gradient, matrix).to(gradient.dtype).view(inputs_shape)
            to_weight = torch.bmm(gradient.mT, rows).to(gradient.dtype).view(weight_shape)
        return to_inputs, to_weight, gradient.sum(dim=1).view(bias_shape), None
