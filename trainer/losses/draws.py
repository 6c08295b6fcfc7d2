"""The random numbers of a training step: its sampling plan and its draws.

Letters of shapes: ``docs/architecture.md``. Here M counts the maps whose points are compared.

Generators are on the CPU, so that runs on a CPU and on a GPU draw the same numbers. Each step
draws one vector of uniform numbers and splits it.

A batch with fewer queries than B is padded with queries of sample weight 0. So all steps have the
same shapes, and slots at different positions in their epochs can train together.

``cycle`` pairs the crops of a batch along a random cycle: every crop is used once and none is
paired with itself. ``repeats`` is the rule of the published code, which uses some crop twice in
two of three draws (``docs/protocols.md``). A single crop in a batch is paired with itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.nn.transfer import send

__all__ = [
    "RANDOM_PAIRS",
    "DrawPlan",
    "StepDraws",
    "cycles",
    "repeats",
    "stack_draws",
]


@dataclass(frozen=True, kw_only=True)
class StepDraws:
    """The draws of one step of S slots; :meth:`DrawPlan.draw` returns them without that axis."""

    #: Queries: indices into the train split with shape (S, B); on the CPU.
    queries_SB: Tensor
    #: Which neighbour of each query is its positive, from 0, with shape (S, B); on the CPU.
    ranks_SB: Tensor
    #: Weight of each query in its slot's batch with shape (S, B): 1/B, or 0 for padding.
    sample_weight_SB: Tensor
    #: The crop, 0 to 2B-1, that each group of each query samples: (S, M, B, J).
    sources_SMBJ: Tensor
    #: Points in [-1, 1]^2 with shape (S, M, 2, B, Q, 2).
    coordinates_SM2BQ2: Tensor
    #: Dropout factors of whole channels with shape (S, D, 2B, C).
    masks_SDNC: Tensor
    #: Uniform numbers for each token of the queries, as many as the method declares: (S, E, B, T).
    uniform_SEBT: Tensor

    @property
    def random_draws(self) -> int:
        """Random pairs R."""
        return self.sources_SMBJ.shape[-1] - 2

    @property
    def batch(self) -> int:
        """Queries B of a slot's batch, padding included."""
        return self.sample_weight_SB.shape[-1]

    def to(self, device: torch.device) -> "StepDraws":
        """The same draws with the loss's part sent to the device, without waiting for it."""
        return StepDraws(
            queries_SB=self.queries_SB,
            ranks_SB=self.ranks_SB,
            sample_weight_SB=send(self.sample_weight_SB, device),
            sources_SMBJ=send(self.sources_SMBJ, device),
            coordinates_SM2BQ2=send(self.coordinates_SM2BQ2, device),
            masks_SDNC=send(self.masks_SDNC, device),
            uniform_SEBT=send(self.uniform_SEBT, device),
        )


@dataclass(frozen=True, kw_only=True)
class DrawPlan:
    """The number of draws per step; equal for all slots that train together."""

    #: Queries B of a batch.
    batch: int
    #: Number of nearest neighbours from which a positive is drawn.
    ranks: int
    #: Compared maps M.
    maps: int
    #: Points Q per map.
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
    #: Uniform numbers E for each token of the queries.
    uniform: int = 0
    #: Tokens T of a crop.
    tokens: int = 0

    def draw(self, queries: Tensor, generator: torch.Generator) -> StepDraws:
        """The draws of one step, each tensor without the slot axis.

        Args:
            queries: Crops of the batch, from 1 to B of them.
            generator: The slot's generator.
        """
        present = len(queries)
        uniform = torch.rand(self.numbers, generator=generator)
        ranks, orders, coordinates, masks, others = self.cut(uniform)
        sample_weight = torch.zeros(self.batch)
        sample_weight[:present] = 1 / present
        padding = queries[:1].expand(self.batch - present)
        return StepDraws(
            queries_SB=torch.cat([queries, padding]),
            ranks_SB=(ranks * self.ranks).long(),
            sample_weight_SB=sample_weight,
            sources_SMBJ=_sources(RANDOM_PAIRS[self.random_pairs](orders, present)),
            coordinates_SM2BQ2=2 * coordinates - 1,
            masks_SDNC=(masks >= self.dropout) / (1 - self.dropout),
            uniform_SEBT=others,
        )

    @property
    def numbers(self) -> int:
        """Uniform numbers per step."""
        return sum(torch.Size(shape).numel() for shape in self._shapes)

    def cut(self, uniform: Tensor) -> list[Tensor]:
        """Split a vector into ranks (B), orders (M, R, B), coordinates, masks and the rest."""
        sizes = [torch.Size(shape).numel() for shape in self._shapes]
        parts = torch.split(uniform, sizes)
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        return (
            (self.batch,),
            (self.maps, self.random_draws, self.batch),
            (self.maps, 2, self.batch, self.points, 2),
            (self.masks, 2 * self.batch, self.channels),
            (self.uniform, self.batch, self.tokens),  # last, so that the others do not change
        )


def cycles(uniform_MRB: Tensor, present: int) -> Tensor:
    """Random cycles through the first ``present`` indices; the others map to themselves.

    Args:
        uniform_MRB: Uniform numbers with shape (M, R, B).
        present: Crops that are not padding.

    Returns:
        Permutations with shape (M, R, B): the index of the crop with which each one is paired.
    """
    order = uniform_MRB[..., :present].argsort(dim=-1, stable=True)
    permutations = torch.arange(uniform_MRB.shape[-1]).expand(uniform_MRB.shape).clone()
    return permutations.scatter_(-1, order, order.roll(-1, dims=-1))


def repeats(uniform_MRB: Tensor, present: int) -> Tensor:
    """Random permutations whose fixed points are shifted by one (``docs/protocols.md``).

    Two crops may then be paired with the same one, so the result need not be a permutation. With
    more than one crop, none is paired with itself.

    Args:
        uniform_MRB: Uniform numbers with shape (M, R, B).
        present: Crops that are not padding.

    Returns:
        Indices with shape (M, R, B): the crop with which each one is paired.
    """
    indices = torch.arange(uniform_MRB.shape[-1]).expand(uniform_MRB.shape).clone()
    own = indices[..., :present].clone()
    order = uniform_MRB[..., :present].argsort(dim=-1, stable=True)
    indices[..., :present] = torch.where(order == own, (order + 1) % present, order)
    return indices


#: Rule for each value of ``training.random_pairs``.
RANDOM_PAIRS: dict[str, Callable[[Tensor, int], Tensor]] = {"cycle": cycles, "repeats": repeats}


def _sources(permutations_MRB: Tensor) -> Tensor:
    """Crop of every pair group with shape (M, B, J): the query, its positive, R random crops."""
    maps, _, batch = permutations_MRB.shape
    own = torch.arange(batch).view(1, batch, 1).expand(maps, -1, -1)
    return torch.cat([own, own + batch, permutations_MRB.transpose(1, 2)], dim=-1)


def stack_draws(draws: Sequence[StepDraws]) -> StepDraws:
    """One step's draws of several slots with a leading slot axis."""
    names = StepDraws.__dataclass_fields__
    return StepDraws(
        **{name: torch.stack([getattr(each, name) for each in draws]) for name in names}
    )
