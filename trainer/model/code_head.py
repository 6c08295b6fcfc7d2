"""The code head: a linear and a non-linear path over the fused features, summed.

Letters of shapes: ``docs/architecture.md``.
STEGO (Hamilton et al., ICLR 2022); authors' code: mhamilton723/STEGO at
eb4d6b5.
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries

__all__ = ["Activation", "code_head", "code_head_entries"]

#: Of the non-linear path: ``relu``, or ``silu`` as in SmooSeg (Lan et al., NeurIPS 2023).
Activation = Literal["relu", "silu"]


def code_head_entries(*, channels: int, code_dim: int) -> tuple[Entry, ...]:
    """Parameters: C to K in parallel with C to C, ReLU, C to K."""
    return (
        *linear_entries("head.linear", inputs=channels, outputs=code_dim),
        *linear_entries("head.hidden", inputs=channels, outputs=channels),
        *linear_entries("head.nonlinear", inputs=channels, outputs=code_dim),
    )


def code_head(
    fused_SNTC: Tensor,
    views: Views,
    masks_S2NC: Tensor | None,
    activation: Activation = "relu",
) -> Tensor:
    """Code of every token, not normalised.

    Args:
        fused_SNTC: Tensor with shape (S, N, T, C).
        views: Parameters with the names of :func:`code_head_entries`.
        masks_S2NC: Dropout factors of whole channels with shape (S, 2, N, C), for the linear
            and for the non-linear path; None at evaluation.
        activation: Of the non-linear path.

    Returns:
        Tensor with shape (S, N, T, K).
    """
    for_linear, for_nonlinear = fused_SNTC, fused_SNTC
    if masks_S2NC is not None:
        for_linear = fused_SNTC * masks_S2NC[:, 0].unsqueeze(-2)
        for_nonlinear = fused_SNTC * masks_S2NC[:, 1].unsqueeze(-2)
    hidden = linear(for_nonlinear, views, "head.hidden", relu=activation == "relu")
    if activation == "silu":
        hidden = functional.silu(hidden)
    return linear(for_linear, views, "head.linear") + linear(hidden, views, "head.nonlinear")
