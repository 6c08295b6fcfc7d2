"""Parameters as one flat tensor: a row of numbers per slot, with named views into it.

Letters of shapes: ``docs/architecture.md``, and O numbers of a row with its gaps.

A :class:`Layout` gives the position of each named tensor in a row. With one leaf ``[S, O]``, the
optimiser needs only a few operations for any model, and a slot's whole state is one row.

A row is stored without gaps (O = P). In memory during training, zeros between the tensors align
each of them to a cache line in every slot (:meth:`Layout.spaced`).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from trainer.nn.alignment import LINE

__all__ = [
    "PLAIN",
    "Entry",
    "Group",
    "Layout",
    "Views",
    "linear_entries",
    "norm_entries",
    "where_slots",
]

#: Named tensors with shape (S, *shape of the entry).
Views = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Group:
    """How the optimiser updates some of the parameters."""

    #: Learning rate as a multiple of the run's.
    rate: float = 1.0
    #: Share of the parameters that is subtracted in each step, times the learning rate (AdamW).
    decay: float = 0.0
    #: Largest length of the group's gradient, to which a longer one is shortened; None for any.
    clip: float | None = None


#: How parameters are updated unless an entry says otherwise.
PLAIN = Group()


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
    #: How the optimiser updates it.
    group: Group = PLAIN

    @property
    def size(self) -> int:
        """Number of values."""
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
    """Positions of named tensors in a flat row."""

    entries: tuple[Entry, ...]
    #: Every tensor begins at a multiple of this many numbers from the start of its row.
    multiple: int = 1

    def spaced(self) -> "Layout":
        """The same tensors in a row where each begins on a cache line (of numbers of 4 bytes)."""
        return dataclasses.replace(self, multiple=LINE // 4)

    @property
    def size(self) -> int:
        """Number P of values, without gaps."""
        return sum(entry.size for entry in self.entries)

    @property
    def width(self) -> int:
        """Count O of numbers, gaps included."""
        return sum(self._widths)

    @cached_property  # read several times per step
    def _widths(self) -> list[int]:
        """Sizes of each tensor and of the gap after it, in turn; they add up to O."""
        return [
            width for entry in self.entries for width in (entry.size, -entry.size % self.multiple)
        ]

    def spread(self, value_of: Callable[[Entry], float]) -> Tensor:
        """A row with one value for all numbers of an entry, shape (O,); 0 in the gaps."""
        if not self.entries:
            return torch.zeros(0)
        rows = {each.name: torch.full((1, each.size), value_of(each)) for each in self.entries}
        return self.leaf(rows)[0]

    def chosen(self, slots_of: Views, *, slots: int) -> Tensor:
        """Which numbers of a leaf belong to some entries in some slots; bool with shape (S, O).

        Args:
            slots_of: Name of an entry to bool with shape (S,); the entries that it lacks do not.
            slots: Number of slots.
        """
        nowhere_S = next(iter(slots_of.values())).new_zeros(slots)
        rows = {
            each.name: slots_of.get(each.name, nowhere_S).unsqueeze(1).expand(-1, each.size)
            for each in self.entries
        }
        return self.leaf(rows)

    def initial_row(self, generator: torch.Generator) -> Tensor:
        """Initial numbers of one slot, drawn in the order of the entries; shape (O,)."""
        if not self.entries:
            return torch.zeros(0)
        return self.leaf({entry.name: entry.draw(generator)[None] for entry in self.entries})[0]

    def views(self, leaf_SO: Tensor) -> dict[str, Tensor]:
        """Named views into a leaf with shape (S, O), each with shape (S, *shape)."""
        parts = torch.split(leaf_SO, self._widths, dim=1)[::2]
        return {
            entry.name: part.view(-1, *entry.shape)
            for entry, part in zip(self.entries, parts, strict=True)
        }

    def leaf(self, views: Views) -> Tensor:
        """The inverse of :meth:`views`: a new leaf with shape (S, O), gaps filled with zeros."""
        parts = []
        for entry, gap in zip(self.entries, self._widths[1::2], strict=True):
            parts.append(views[entry.name].flatten(1))
            if gap:
                parts.append(parts[-1].new_zeros(len(parts[-1]), gap))
        return torch.cat(parts, dim=1)

    def stored(self, leaf_SO: Tensor) -> Tensor:
        """A leaf of this layout without its gaps: a new one with shape (S, P)."""
        return _moved(leaf_SO, self, dataclasses.replace(self, multiple=1))

    def loaded(self, leaf_SP: Tensor) -> Tensor:
        """The inverse of :meth:`stored`: a new leaf of this layout with shape (S, O)."""
        return _moved(leaf_SP, dataclasses.replace(self, multiple=1), self)


def _moved(leaf: Tensor, old: Layout, new: Layout) -> Tensor:
    """A new leaf with the same tensors in another layout."""
    return new.leaf(old.views(leaf)) if old.entries else leaf.clone()


def where_slots(chosen_S: Tensor, view: Tensor, other: Tensor) -> Tensor:
    """One view in some slots, another of the same shape in the others.

    Args:
        chosen_S: Slots that take ``view``, bool with shape (S,).
        view: Numbers with shape (S, *shape of an entry).
        other: Numbers of the same shape.
    """
    return torch.where(chosen_S.view(-1, *[1] * (view.dim() - 1)), view, other)


def linear_entries(
    name: str,
    *,
    inputs: int,
    outputs: int,
    stack: tuple[int, ...] = (),
    group: Group = PLAIN,
    deviation: float | None = None,
) -> tuple[Entry, Entry]:
    """Weight and bias of a linear layer (a 1x1 convolution).

    Args:
        name: Dotted name of the layer.
        inputs: Input channels.
        outputs: Output channels.
        stack: Leading axes if several layers of the same shape are stacked.
        group: How the optimiser updates them.
        deviation: Standard deviation of normal weights, with a bias of 0; None for PyTorch's
            default initialisation.
    """
    bound = 1 / math.sqrt(inputs)
    weight, bias = (
        Entry(name=f"{name}.{part}", shape=shape, initial="uniform", scale=bound, group=group)
        for part, shape in (("weight", (*stack, outputs, inputs)), ("bias", (*stack, outputs)))
    )
    if deviation is None:
        return weight, bias
    return (
        dataclasses.replace(weight, initial="normal", scale=deviation),
        dataclasses.replace(bias, initial="constant", scale=0.0),
    )


def norm_entries(name: str, *, channels: int) -> tuple[Entry, Entry]:
    """Scale and shift of a normalisation."""
    weight = Entry(name=f"{name}.weight", shape=(channels,), initial="constant", scale=1.0)
    bias = Entry(name=f"{name}.bias", shape=(channels,), initial="constant", scale=0.0)
    return weight, bias
