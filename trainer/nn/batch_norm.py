"""Batch normalisation with separate statistics for each slot.

Letters of shapes: ``docs/architecture.md``.

Queries and positives are normalised separately, each half by its own statistics, as two passes
of the published network would be (``docs/method.md``). The running statistics are updated by the
queries first, then by the positives. A padding crop has weight 0 and changes nothing.
"""

import torch
from torch import Tensor

from trainer.nn.parameters import Entry, Views

__all__ = ["batch_norm", "batch_norm_buffers"]

EPSILON = 1e-5
MOMENTUM = 0.1


def batch_norm_buffers(name: str, *, channels: int) -> tuple[Entry, Entry]:
    """Running mean and (unbiased) variance."""
    mean = Entry(name=f"{name}.mean", shape=(channels,), initial="constant", scale=0.0)
    variance = Entry(name=f"{name}.variance", shape=(channels,), initial="constant", scale=1.0)
    return mean, variance


def batch_norm(
    inputs_SNTC: Tensor,
    views: Views,
    buffers: dict[str, Tensor],
    name: str,
    sample_weight_SB: Tensor | None,
) -> Tensor:
    """Normalise over crops and tokens, then scale and shift; update the buffers when training.

    Args:
        inputs_SNTC: Tensor with shape (S, N, T, C); N is a multiple of B when training.
        views: Parameters ``name.weight`` and ``name.bias``.
        buffers: Running statistics; the dictionary's entries are replaced, never written into.
        name: Dotted name of the layer.
        sample_weight_SB: Weight of each crop in its half with shape (S, B); None at evaluation,
            which uses the running statistics.

    Returns:
        Tensor with shape (S, N, T, C).
    """
    if sample_weight_SB is None:
        mean, variance = buffers[f"{name}.mean"], buffers[f"{name}.variance"]
        return _affine(inputs_SNTC, mean[:, None, None], variance[:, None, None], views, name)
    halves = [
        _normalise_half(half, views, buffers, name, sample_weight_SB)
        for half in torch.split(inputs_SNTC, sample_weight_SB.shape[1], dim=1)
    ]
    return torch.cat(halves, dim=1)


def _normalise_half(
    inputs_SBTC: Tensor,
    views: Views,
    buffers: dict[str, Tensor],
    name: str,
    sample_weight_SB: Tensor,
) -> Tensor:
    sample_weight = sample_weight_SB[:, :, None, None]
    mean = (inputs_SBTC.mean(dim=2, keepdim=True) * sample_weight).sum(dim=1, keepdim=True)
    spread = (inputs_SBTC - mean).square().mean(dim=2, keepdim=True)
    variance = (spread * sample_weight).sum(dim=1, keepdim=True)
    count_S1 = (sample_weight_SB > 0).sum(dim=1, keepdim=True) * inputs_SBTC.shape[2]
    unbiased = variance.detach()[:, 0, 0] * count_S1 / (count_S1 - 1)
    for key, observed in (("mean", mean.detach()[:, 0, 0]), ("variance", unbiased)):
        old = buffers[f"{name}.{key}"]
        buffers[f"{name}.{key}"] = old + MOMENTUM * (observed - old)
    return _affine(inputs_SBTC, mean, variance, views, name)


def _affine(inputs: Tensor, mean: Tensor, variance: Tensor, views: Views, name: str) -> Tensor:
    weight, bias = views[f"{name}.weight"][:, None, None], views[f"{name}.bias"][:, None, None]
    return (inputs - mean) * (variance + EPSILON).rsqrt() * weight + bias
