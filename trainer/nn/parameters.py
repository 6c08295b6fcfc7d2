"""Parameters as one flat leaf: every slot's numbers in a row, with named views into it.

Shape letters: S slots, P numbers a slot.

A :class:`Layout` says which named tensors lie where in a row. One leaf ``[S, P]`` makes
the optimiser a handful of operations whatever the model, and a slot's whole state one row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Entry", "Layout", "Views", "batch_norm_entries", "linear_entries"]

#: Named tensors with shape (S, *shape of the entry).
Views = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One named tensor of a slot."""

    #: Dotted name, e.g. ``head.linear.weight``.
    name: str
    #: Shape without the slot axis.
    shape: tuple[int, ...]
    #: Distribution of the initial numbers.
    initial: Literal["uniform", "normal", "constant"]
    #: Bound of the uniform distribution on [-scale, scale], standard deviation, or the constant.
    scale: float

    @property
    def size(self) -> int:
        """Count of numbers."""
        return math.prod(self.shape)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Initial numbers, flat, with shape (size,)."""
        if self.initial == "uniform":
            return (2 * torch.rand(self.size, generator=generator) - 1) * self.scale
        if self.initial == "normal":
            return torch.randn(self.size, generator=generator) * self.scale
        return torch.full((self.size,), self.scale)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where named tensors lie in a flat row."""

    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Count P of numbers in a row."""
        return sum(entry.size for entry in self.entries)

    def initial_row(self, generator: torch.Generator) -> Tensor:
        """Initial numbers of one slot, drawn in the order of the entries; shape (P,)."""
        parts = [entry.draw(generator) for entry in self.entries]
        return torch.cat(parts) if parts else torch.zeros(0)

    def views(self, leaf_SP: Tensor) -> dict[str, Tensor]:
        """Named views into a leaf with shape (S, P), each with shape (S, *shape)."""
        parts = torch.split(leaf_SP, [entry.size for entry in self.entries], dim=1)
        return {
            entry.name: part.view(-1, *entry.shape)
            for entry, part in zip(self.entries, parts, strict=True)
        }

    def leaf(self, views: Views) -> Tensor:
        """The inverse of :meth:`views`: a new leaf with shape (S, P)."""
        return torch.cat([views[entry.name].flatten(1) for entry in self.entries], dim=1)


def linear_entries(
    name: str, *, inputs: int, outputs: int, stack: tuple[int, ...] = ()
) -> tuple[Entry, Entry]:
    """Weight and bias of a linear layer (a 1x1 convolution), PyTorch's default initialisation.

    Args:
        name: Dotted name of the layer.
        inputs: Width of what goes in.
        outputs: Width of what comes out.
        stack: Leading axes when several layers of one shape are held together.
    """
    bound = 1 / math.sqrt(inputs)
    weight = Entry(
        name=f"{name}.weight", shape=(*stack, outputs, inputs), initial="uniform", scale=bound
    )
    bias = Entry(name=f"{name}.bias", shape=(*stack, outputs), initial="uniform", scale=bound)
    return weight, bias


def batch_norm_entries(name: str, *, channels: int) -> tuple[Entry, Entry]:
    """Scale and shift of a batch normalisation."""
    weight = Entry(name=f"{name}.weight", shape=(channels,), initial="constant", scale=1.0)
    bias = Entry(name=f"{name}.bias", shape=(channels,), initial="constant", scale=0.0)
    return weight, bias
