"""Parameter groups: learning rate, weight decay and clipping of parts of a method's parameters.

Letters of shapes: ``docs/architecture.md``.

Without groups of its own a method costs nothing here: one rate for all, no decay, no clipping.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.engine.optimiser import AdamState, adam_step
from trainer.nn.alignment import each_slot
from trainer.nn.parameters import Group, Layout

__all__ = ["Groups"]

TINY = 1e-6  # added to the length by which a gradient is divided, as in PyTorch


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The groups of a layout, as rows of numbers."""

    #: Multiple of the learning rate with shape (P,); None if it is 1 everywhere.
    rate_P: Tensor | None
    #: Weight decay with shape (P,); None if there is none.
    decay_P: Tensor | None
    #: Members (P,) of each clipped group, 1 or 0, and the largest length of its gradient.
    clips: tuple[tuple[Tensor, float], ...]

    @classmethod
    def of(cls, layout: Layout, device: torch.device) -> "Groups":
        """The groups of a layout's entries."""
        groups = {entry.group for entry in layout.entries}
        plain_rate = all(group.rate == 1 for group in groups)
        no_decay = not any(group.decay for group in groups)
        rate_P = layout.spread(lambda entry: entry.group.rate)
        decay_P = layout.spread(lambda entry: entry.group.decay)
        clips = []
        for group in dict.fromkeys(entry.group for entry in layout.entries):
            if group.clip is not None:
                clips.append((_members(layout, group).to(device), group.clip))
        return cls(
            rate_P=None if plain_rate else rate_P.to(device),
            decay_P=None if no_decay else decay_P.to(device),
            clips=tuple(clips),
        )

    def step(
        self, state: AdamState, gradient_SP: Tensor, *, rate_S1: Tensor
    ) -> tuple[AdamState, Tensor]:
        """One update of every slot.

        Args:
            state: Parameters and moments.
            gradient_SP: Gradient with shape (S, P).
            rate_S1: Learning rate of each slot with shape (S, 1).

        Returns:
            See :func:`~trainer.engine.optimiser.adam_step`.
        """
        rate = rate_S1 if self.rate_P is None else rate_S1 * self.rate_P
        return adam_step(
            state,
            self._clipped(gradient_SP),
            learning_rate_S1=rate,
            decay_SP=None if self.decay_P is None else rate * self.decay_P,
        )

    def _clipped(self, gradient_SP: Tensor) -> Tensor:
        for members_P, bound in self.clips:
            own_SP = gradient_SP * members_P
            length_S1 = each_slot(_length, own_SP, slots=len(own_SP))
            share_S1 = (bound / (length_S1 + TINY)).clamp(max=1)
            gradient_SP = gradient_SP + own_SP * (share_S1 - 1)
        return gradient_SP


def _members(layout: Layout, group: Group) -> Tensor:
    """1 for the numbers of a group, 0 for others: (P,)."""
    return layout.spread(lambda entry: float(entry.group == group))


def _length(vectors_SP: Tensor) -> Tensor:
    """Length of each row: (S, 1)."""
    length: Tensor = torch.linalg.vector_norm(vectors_SP, dim=1, keepdim=True)
    return length
