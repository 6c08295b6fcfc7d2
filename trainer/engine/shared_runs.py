"""Runs that train together in one process, a slot each: one of them may fail, the others go on.

An iteration is one step of all the slots that have work. If it fails, each slot is tried alone:
the state has not changed and the draws are the same, so that whoever did nothing wrong makes
exactly the step it would have made, and whoever fails alone answers for it.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType

import torch

from trainer.config.configuration import TrainConfig
from trainer.engine.memory import lacks_memory
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.features.dataset_features import DatasetFeatures

__all__ = ["Attempt", "SharedRuns"]


class Attempt:
    """A block that may fail on account of one run: what it raises is kept, for that run's report.

    Interrupts and exits pass.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> "Attempt":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None


class SharedRuns:
    """The runs of one process, by slot."""

    def __init__(
        self,
        structure: TrainConfig,
        dataset_features: DatasetFeatures,
        device: torch.device,
        *,
        count: int,
    ) -> None:
        """Prepare the slots.

        Args:
            structure: The configuration of all runs, but for their seeds, hyper-parameters and
                learning rates.
            dataset_features: The features to train on.
            device: Where to train.
            count: Number of slots.

        Raises:
            ConfigError: As for :class:`Slots`.
        """
        self._slots = Slots(structure, dataset_features, device, count=count)
        self._runs: dict[int, Run] = {}

    def start(self, slot: int, config: TrainConfig) -> Run:
        """A new run in a slot, in place of whatever was there.

        Raises:
            ConfigError: As for :class:`Run`.
        """
        self._runs[slot] = Run(config, self._slots, slot)
        return self._runs[slot]

    def restore(self, slot: int, folder: Path, config: TrainConfig) -> Run:
        """A run that continues from a checkpoint in a slot, in place of whatever was there.

        Raises:
            CheckpointError, ConfigError: As for :meth:`Run.restore_in`.
        """
        self._runs[slot] = Run.restore_in(folder, config, self._slots, slot)
        return self._runs[slot]

    def run(self, slot: int) -> Run:
        """The run that a slot has."""
        return self._runs[slot]

    def iteration(self, slot: int) -> int:
        """Iterations of the run that a slot has or had last; 0 before the first."""
        run = self._runs.get(slot)
        return 0 if run is None else run.iteration

    def step(self, slots: Collection[int]) -> Mapping[int, Exception]:
        """Train one iteration of some slots' runs.

        Returns:
            What went wrong, for each slot at fault; the others have made their step. If several
            train and the memory is not enough for all of them, none is at fault, and each has the
            error.
        """
        together = self._try(slots)
        if together is None:
            return {}
        if len(slots) == 1 or lacks_memory(together):
            return dict.fromkeys(slots, together)
        alone = {slot: self._try((slot,)) for slot in slots}
        return {slot: error for slot, error in alone.items() if error is not None}

    def _try(self, slots: Collection[int]) -> Exception | None:
        with Attempt() as attempt:
            self._slots.step(slots)
            for slot in slots:
                self._runs[slot].count_iteration()
        return attempt.error
