"""Every random number of a training step, drawn outside of it from the slot's own generator.

Shape letters: S slots, M compared maps (modalities), N crops (anchors, then partners),
B anchor crops, C feature channels, R random draws, Q points a map (P*P), J pair groups,
D dropout masks.

Generators live on the CPU, so that a CPU and a GPU see the same numbers. One vector of
uniform numbers is drawn a step and cut into what the step needs.

An epoch is a shuffle of all crops without replacement. Its last batch is short when B does
not divide the crops: the missing places are padding with share 0, so that every step has the
same shapes and slots at different places of their epochs can be trained together.

Whom a crop meets in a random pair is a cycle through the batch in random order: every crop
occurs once and none meets itself. The rule of the released code, which repeats crops in two
draws of three, is there by name. With one crop in the batch both give
the crop itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "RANDOM_PAIRS",
    "DrawPlan",
    "SlotDraws",
    "StepDraws",
    "cycles",
    "repeats",
    "send",
    "stack_draws",
]


@dataclass(frozen=True, kw_only=True)
class DrawPlan:
    """How many numbers a step needs; equal for all slots that train together."""

    #: Crops N of the train split.
    crops: int
    #: Anchor crops B of a batch, at most the crops of the split.
    batch: int
    #: Ranks a partner is drawn from, at most the neighbours stored.
    ranks: int
    #: Compared maps M.
    maps: int
    #: Points Q a map.
    points: int
    #: Random pairs R.
    random_draws: int
    #: Dropout masks D over whole channels.
    masks: int
    #: Feature channels C.
    channels: int
    #: Share of channels dropped.
    dropout: float
    #: Name in :data:`RANDOM_PAIRS`.
    random_pairs: str = "cycle"

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        return (
            (self.batch,),
            (self.maps, self.random_draws, self.batch),
            (self.maps, 2, self.batch, self.points, 2),
            (self.masks, 2 * self.batch, self.channels),
        )

    def cut(self, uniform: Tensor) -> list[Tensor]:
        """Cut one vector into ranks (B), orders (M, R, B), coordinates and masks."""
        sizes = [torch.Size(shape).numel() for shape in self._shapes]
        parts = torch.split(uniform, sizes)
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    @property
    def numbers(self) -> int:
        """Uniform numbers a step."""
        return sum(torch.Size(shape).numel() for shape in self._shapes)


@dataclass(frozen=True, kw_only=True)
class StepDraws:
    """The draws of one step of S slots (of one slot, without the slot axis, when drawn)."""

    #: Anchor crops in the train split with shape (S, B); on the CPU.
    anchors_SB: Tensor
    #: Which neighbour of each anchor is its partner, from 0, with shape (S, B); on the CPU.
    ranks_SB: Tensor
    #: Each anchor's share of its slot's batch with shape (S, B): 1/B, or 0 for padding.
    share_SB: Tensor
    #: The crop, 0 to 2B-1, that each group of each anchor samples: (S, M, B, J).
    sources_SMBJ: Tensor
    #: Points in [-1, 1]^2 with shape (S, M, 2, B, Q, 2).
    coordinates_SM2BQ2: Tensor
    #: Dropout factors of whole channels with shape (S, D, 2B, C).
    masks_SDNC: Tensor

    @property
    def random_draws(self) -> int:
        """Random pairs R."""
        return self.sources_SMBJ.shape[-1] - 2

    @property
    def batch(self) -> int:
        """Anchor crops B of a slot's batch, padding included."""
        return self.share_SB.shape[-1]

    def to(self, device: torch.device) -> "StepDraws":
        """The same draws with what the loss reads on the device, without waiting for it."""
        return StepDraws(
            anchors_SB=self.anchors_SB,
            ranks_SB=self.ranks_SB,
            share_SB=send(self.share_SB, device),
            sources_SMBJ=send(self.sources_SMBJ, device),
            coordinates_SM2BQ2=send(self.coordinates_SM2BQ2, device),
            masks_SDNC=send(self.masks_SDNC, device),
        )


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a CPU tensor to the device; to a GPU from pinned memory, so that nobody waits."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class SlotDraws:
    """The private source of one slot's draws."""

    def __init__(self, plan: DrawPlan, generator: torch.Generator) -> None:
        self._plan = plan
        self._generator = generator
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    def state(self) -> dict[str, Tensor]:
        """Everything the next draws depend on, as tensors."""
        return {
            "generator": self._generator.get_state(),
            "order": self._order.clone(),
            "position": torch.tensor(self._position),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a :meth:`state`."""
        # a copy: of a tensor within a larger one the generator reads the wrong bytes
        self._generator.set_state(state["generator"].clone())
        self._order = state["order"].clone()
        self._position = int(state["position"])

    def step(self) -> StepDraws:
        """The draws of the next step, each tensor without the slot axis."""
        plan = self._plan
        anchors = self._next_anchors()
        present = len(anchors)
        uniform = torch.rand(plan.numbers, generator=self._generator)
        ranks, orders, coordinates, masks = plan.cut(uniform)
        share = torch.zeros(plan.batch)
        share[:present] = 1 / present
        padding = anchors[:1].expand(plan.batch - present)
        return StepDraws(
            anchors_SB=torch.cat([anchors, padding]),
            ranks_SB=(ranks * plan.ranks).long(),
            share_SB=share,
            sources_SMBJ=_sources(RANDOM_PAIRS[plan.random_pairs](orders, present)),
            coordinates_SM2BQ2=2 * coordinates - 1,
            masks_SDNC=(masks >= plan.dropout) / (1 - plan.dropout),
        )

    def _next_anchors(self) -> Tensor:
        if self._position >= len(self._order):
            self._order = torch.randperm(self._plan.crops, generator=self._generator)
            self._position = 0
        anchors = self._order[self._position : self._position + self._plan.batch]
        self._position += self._plan.batch
        return anchors


def cycles(uniform_MRB: Tensor, present: int) -> Tensor:
    """Random cycles through the first ``present`` places; a place beyond them keeps itself.

    Args:
        uniform_MRB: Uniform numbers with shape (M, R, B).
        present: Crops that are no padding.

    Returns:
        Permutations with shape (M, R, B): the place whose map each place meets.
    """
    order = uniform_MRB[..., :present].argsort(dim=-1, stable=True)
    permutations = torch.arange(uniform_MRB.shape[-1]).expand(uniform_MRB.shape).clone()
    return permutations.scatter_(-1, order, order.roll(-1, dims=-1))


def repeats(uniform_MRB: Tensor, present: int) -> Tensor:
    """Random permutations whose fixed points are moved on by one place (``docs/protocols.md``).

    A crop that stands in such a place is met there and by its own partner: no permutation, and
    for more than one crop nobody meets itself.

    Args:
        uniform_MRB: Uniform numbers with shape (M, R, B).
        present: Crops that are no padding.

    Returns:
        Places with shape (M, R, B): the one whose map each place meets.
    """
    places = torch.arange(uniform_MRB.shape[-1]).expand(uniform_MRB.shape).clone()
    own = places[..., :present].clone()
    order = uniform_MRB[..., :present].argsort(dim=-1, stable=True)
    places[..., :present] = torch.where(order == own, (order + 1) % present, order)
    return places


#: Name in ``training.random_pairs`` to the rule: uniform numbers and the crops present to places.
RANDOM_PAIRS: dict[str, Callable[[Tensor, int], Tensor]] = {"cycle": cycles, "repeats": repeats}


def _sources(permutations_MRB: Tensor) -> Tensor:
    """Crop of every pair group with shape (M, B, J): itself, its partner, the R others."""
    maps, _, batch = permutations_MRB.shape
    own = torch.arange(batch).view(1, batch, 1).expand(maps, -1, -1)
    return torch.cat([own, own + batch, permutations_MRB.transpose(1, 2)], dim=-1)


def stack_draws(draws: Sequence[StepDraws]) -> StepDraws:
    """One step's draws of several slots with a leading slot axis."""
    names = StepDraws.__dataclass_fields__
    return StepDraws(
        **{name: torch.stack([getattr(each, name) for each in draws]) for name in names}
    )
