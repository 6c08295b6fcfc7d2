"""Normalisation of each modality's tokens before fusion (``docs/method.md``).

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from trainer.nn.unit import unit

__all__ = ["PRE_NORMS"]

EPSILON = 1e-8


def l2(tokens_SMNTC: Tensor) -> Tensor:
    """Unit length over the channels of each token."""
    return unit(tokens_SMNTC, epsilon=EPSILON)


def standardise(tokens_SMNTC: Tensor) -> Tensor:
    """Zero mean and unit (unbiased) deviation over all tokens and channels of a crop."""
    centred = tokens_SMNTC - tokens_SMNTC.mean(dim=(-2, -1), keepdim=True)
    count = tokens_SMNTC.shape[-2] * tokens_SMNTC.shape[-1]
    length = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True)
    deviation: Tensor = length / (count - 1) ** 0.5  # faster than std
    return centred / (deviation + EPSILON)


def minmax(tokens_SMNTC: Tensor) -> Tensor:
    """Smallest number 0 and largest 1 over all tokens and channels of a crop."""
    low = tokens_SMNTC.amin(dim=(-2, -1), keepdim=True)
    high = tokens_SMNTC.amax(dim=(-2, -1), keepdim=True)
    return (tokens_SMNTC - low) / (high - low + EPSILON)


def unchanged(tokens_SMNTC: Tensor) -> Tensor:
    """The tokens as they are."""
    return tokens_SMNTC


#: Name in ``method.options.pre_norm`` to function; each maps (S, M, N, T, C) to the same shape.
PRE_NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "l2": l2,
    "standardise": standardise,
    "minmax": minmax,
    "none": unchanged,
}
