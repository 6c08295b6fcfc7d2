"""Modality-specific networks (MSN): one small network per modality, before fusion.

Letters of shapes: ``docs/architecture.md``.
UniM2 (UMSS, ECCV 2026); authors' code: Hatins/UniM2 at 08fa082.
"""

from torch import Tensor

from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries

__all__ = ["LAST", "msn", "msn_entries", "msn_hidden"]

LAST = "msn.second"  # name of the last layer


def msn_entries(*, modalities: int, channels: int) -> tuple[Entry, ...]:
    """Parameters per modality: 1x1 convolution C to C/2, ReLU, 1x1 convolution C/2 to C."""
    stack, hidden = (modalities,), channels // 2
    return (
        *linear_entries("msn.first", inputs=channels, outputs=hidden, stack=stack),
        *linear_entries(LAST, inputs=hidden, outputs=channels, stack=stack),
    )


def msn(tokens_SMNTC: Tensor, views: Views, *, residual: bool) -> Tensor:
    """Transform each modality's tokens with its own network.

    Args:
        tokens_SMNTC: Tensor with shape (S, M, N, T, C).
        views: Parameters with the names of :func:`msn_entries`.
        residual: Whether the input is added to the output.

    Returns:
        Tensor with shape (S, M, N, T, C).
    """
    output = linear(msn_hidden(tokens_SMNTC, views), views, LAST)
    return output + tokens_SMNTC if residual else output


def msn_hidden(tokens_SMNTC: Tensor, views: Views) -> Tensor:
    """The rectified hidden channels of each modality's network: (S, M, N, T, C/2)."""
    return linear(tokens_SMNTC, views, "msn.first", relu=True)
