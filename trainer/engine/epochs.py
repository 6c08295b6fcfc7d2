"""The order in which a slot visits the crops, and its random draws step by step.

Letters of shapes: ``docs/architecture.md``.

An epoch is a shuffle of all crops without replacement. Its last batch is short if B does not
divide the number of crops.

A slot has one generator, on the CPU, so that runs on a CPU and on a GPU draw the same numbers.
It provides the order of each epoch and then the draws of the epoch's steps.
"""

import torch
from torch import Tensor

from trainer.losses.draws import DrawPlan, StepDraws

__all__ = ["EpochOrder", "SlotDraws"]


class EpochOrder:
    """Shuffles the crops once per epoch and deals them out in batches."""

    def __init__(self, *, crops: int, batch: int) -> None:
        """Start before the first epoch.

        Args:
            crops: Number of crops in the train split.
            batch: Number B of queries in a batch.
        """
        self._crops, self._batch = crops, batch
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    def state(self) -> dict[str, Tensor]:
        """The current epoch's order and the position in it."""
        return {"order": self._order.clone(), "position": torch.tensor(self._position)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from a :meth:`state`."""
        self._order = state["order"].clone()
        self._position = int(state["position"])

    def next_batch(self, generator: torch.Generator) -> Tensor:
        """Crops of the next batch, from one to B; shuffles at the start of an epoch."""
        if self._position >= len(self._order):
            self._order = torch.randperm(self._crops, generator=generator)
            self._position = 0
        queries = self._order[self._position : self._position + self._batch]
        self._position += self._batch
        return queries


class SlotDraws:
    """All random draws of one slot, from its own generator."""

    def __init__(self, plan: DrawPlan, *, crops: int, generator: torch.Generator) -> None:
        """Start before the first step.

        Args:
            plan: Shapes and kinds of the draws of a step.
            crops: Number of crops in the train split.
            generator: The slot's own generator, on the CPU.
        """
        self._plan, self._generator = plan, generator
        self._epochs = EpochOrder(crops=crops, batch=plan.batch)

    def state(self) -> dict[str, Tensor]:
        """Everything that the next draws depend on, as tensors."""
        return {"generator": self._generator.get_state(), **self._epochs.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from a :meth:`state`."""
        # cloned: a generator reads the wrong bytes of a tensor that is a view of a larger one
        self._generator.set_state(state["generator"].clone())
        self._epochs.restore(state)

    def step(self) -> StepDraws:
        """The draws of the next step, each tensor without the slot axis."""
        queries = self._epochs.next_batch(self._generator)
        return self._plan.draw(queries, self._generator)
