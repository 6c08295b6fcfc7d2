"""The starts ``identity`` and ``first``: a method starts training at its frozen features.

The modality-specific networks add nothing. The fusion is the mean (or the sum or maximum, if
configured); with ``first``, it is the first modality. The head's non-linear path is zero, and its
linear path computes the principal components of the fused features of the train split.

Letters of shapes: ``docs/architecture.md``.
"""

import torch
from torch import Tensor

from trainer.model import Encoder
from trainer.nn.parameters import Views

__all__ = ["identity_start", "principal_components"]


def identity_start(
    encoder: Encoder,
    parameters: Views,
    buffers: Views,
    tokens_1MNTC: Tensor,
    *,
    first: bool = False,
) -> Views:
    """The parameters with which the code is the principal components of the fused features.

    Numbers without effect at the start keep their initial values. Code channels beyond the number
    of feature channels are zero.

    Args:
        encoder: The networks up to the fused map.
        parameters: Initial parameters.
        buffers: Buffers of the encoder.
        tokens_1MNTC: Frozen features of a sample of the train split.
        first: Whether the fused map is the first modality alone.

    Returns:
        New views with the names and shapes of ``parameters``.
    """
    started = dict(parameters) | encoder.identity(parameters, tokens_1MNTC, first=first)
    of_one = {
        name: view[:1] for name, view in started.items()
    }  # slots differ only in numbers without effect
    fused_1NTC = encoder(tokens_1MNTC, of_one, {name: each[:1] for name, each in buffers.items()})
    weight_SKC = parameters["head.linear.weight"]
    directions_KC, bias_K = principal_components(fused_1NTC.flatten(0, 2), weight_SKC.shape[1])
    head = {
        "head.linear.weight": directions_KC.to(weight_SKC.dtype).expand_as(weight_SKC),
        "head.linear.bias": bias_K.to(weight_SKC.dtype).expand(len(weight_SKC), -1),
    }
    off = {
        name: torch.zeros_like(parameters[name])
        for name in ("head.nonlinear.weight", "head.nonlinear.bias")
    }
    return started | head | off


def principal_components(tokens_IC: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Directions of the largest variance, and the bias that centres the tokens along them.

    A direction's largest entry is positive. Rows beyond the C existing ones are zero.

    Args:
        tokens_IC: Tokens with shape (I, C).
        count: Number K of directions.

    Returns:
        Weight with shape (K, C) and bias with shape (K,), float64: the components of a token x are
        weight x + bias.
    """
    tokens = tokens_IC.double()
    mean_C = tokens.mean(dim=0)
    centred = tokens - mean_C
    _, vectors_CC = torch.linalg.eigh(centred.mT @ centred / len(tokens))  # variance ascending
    rows = vectors_CC.mT.flip(0)[:count]
    greatest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    weight_KC = torch.zeros(count, tokens.shape[1], dtype=tokens.dtype)
    weight_KC[: len(rows)] = rows * greatest.sign()
    return weight_KC, -(weight_KC @ mean_C)
