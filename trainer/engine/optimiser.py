"""Adam on flat tensors with one row per slot; it rejects updates that are not finite.

Letters of shapes: ``docs/architecture.md``.

Adam (Kingma and Ba, ICLR 2015) with betas (0.9, 0.999) and a constant learning rate. Weight
decay, where a method declares it, is that of AdamW (Loshchilov and Hutter, ICLR 2019). A slot
whose new parameters or moments are not all finite keeps its parameters, moments and step count. A
flag on the device records this, so that no step waits for the device.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["AdamState", "adam_step"]

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True)
class AdamState:
    """Parameters and Adam's moments."""

    #: Parameters with shape (S, P).
    leaf_SP: Tensor
    #: Running mean of the gradient with shape (S, P).
    first_SP: Tensor
    #: Running mean of the squared gradient with shape (S, P).
    second_SP: Tensor
    #: Number of updates so far with shape (S, 1).
    steps_S1: Tensor

    @classmethod
    def fresh(cls, leaf_SP: Tensor) -> "AdamState":
        """The state before the first step."""
        return cls(
            leaf_SP=leaf_SP,
            first_SP=torch.zeros_like(leaf_SP),
            second_SP=torch.zeros_like(leaf_SP),
            steps_S1=leaf_SP.new_zeros(len(leaf_SP), 1),
        )


def adam_step(
    state: AdamState,
    gradient_SP: Tensor,
    *,
    learning_rate_S1: Tensor,
    decay_SP: Tensor | None = None,
) -> tuple[AdamState, Tensor]:
    """Update every slot once.

    Args:
        state: Parameters and moments.
        gradient_SP: Gradient with shape (S, P).
        learning_rate_S1: Learning rate of each slot with shape (S, 1), or of each of its
            parameters with shape (S, P).
        decay_SP: Share of each parameter that is subtracted; None for no weight decay.

    Returns:
        The new state, and whether each slot's update was finite, with shape (S, 1). A slot
        whose update was not finite keeps its state.
    """
    steps = state.steps_S1 + 1
    first = torch.lerp(state.first_SP, gradient_SP, 1 - BETAS[0])
    second = torch.lerp(state.second_SP, gradient_SP.square(), 1 - BETAS[1])
    step_size = learning_rate_S1 / (1 - BETAS[0] ** steps)
    deviation = second.sqrt().div_((1 - BETAS[1] ** steps).sqrt()).add_(EPSILON)
    leaf = state.leaf_SP if decay_SP is None else state.leaf_SP - decay_SP * state.leaf_SP
    leaf = leaf - step_size * first / deviation
    finite_S1 = (leaf.isfinite() & second.isfinite()).all(dim=1, keepdim=True)
    kept = AdamState(
        leaf_SP=torch.where(finite_S1, leaf, state.leaf_SP),
        first_SP=torch.where(finite_S1, first, state.first_SP),
        second_SP=torch.where(finite_S1, second, state.second_SP),
        steps_S1=torch.where(finite_S1, steps, state.steps_S1),
    )
    return kept, finite_S1
