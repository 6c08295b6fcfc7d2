"""Runs packed into one process, and the same runs alone: equal in every bit."""

from collections.abc import Mapping, Sequence

import torch

from tests.unit.trainer.small import CPU
from trainer.config.configuration import TrainConfig
from trainer.engine.slots import Slots
from trainer.features.dataset_features import DatasetFeatures

__all__ = ["PackedAndAlone", "same_tensors"]


def same_tensors(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether the names are the same, and every tensor in every bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class PackedAndAlone:
    """Every run twice: together with the others, and alone.

    Tests that compare the two use the fixture ``one_thread``.
    """

    def __init__(self, configs: Sequence[TrainConfig], dataset_features: DatasetFeatures) -> None:
        self.together = Slots.start(configs, dataset_features, CPU)
        self.alone = [Slots.start([config], dataset_features, CPU) for config in configs]
        self._dataset_features = dataset_features

    def step(self, steps: int) -> None:
        """Train each run."""
        for _ in range(steps):
            for slots in (self.together, *self.alone):
                slots.step()

    def assert_equal(self) -> None:
        """Compare states, scores, and the losses since the last comparison."""
        val = self._dataset_features.val
        for slot, slots in enumerate(self.alone):
            assert same_tensors(self.together.state(slot), slots.state(0))
            assert self.together.evaluate(slot, val) == slots.evaluate(0, val)
            assert self.together.take_loss(slot) == slots.take_loss(0)
            assert self.together.take_terms(slot) == slots.take_terms(0)
