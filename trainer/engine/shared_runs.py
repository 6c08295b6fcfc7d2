"""Runs that train together in one process, one per slot; if one fails, the others continue.

An iteration is one step of all slots that have work. If it fails, each slot repeats it alone. The
state has not changed and the draws are the same, so the run that fails alone is at fault, and all
others make exactly the step that they would have made.
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
    """A block whose error concerns one run only: a context manager that keeps the error.

    Interrupts and exits propagate, and so do errors of the device, after which a process cannot
    use it any more.
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
        if isinstance(error, Exception) and not isinstance(error, torch.AcceleratorError):
            self.error = error
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
        """Start a new run in a slot; it replaces the previous one.

        Raises:
            ConfigError: As for :class:`Run`.
        """
        self._runs[slot] = Run(config, self._slots, slot)
        return self._runs[slot]

    def restore(self, slot: int, folder: Path, config: TrainConfig) -> Run:
        """Continue a run from a checkpoint in a slot; it replaces the previous one.

        Raises:
            CheckpointError, ConfigError: As for :meth:`Run.restore_in`.
        """
        self._runs[slot] = Run.restore_in(folder, config, self._slots, slot)
        return self._runs[slot]

    def run(self, slot: int) -> Run:
        """The current run of a slot."""
        return self._runs[slot]

    def iteration(self, slot: int) -> int:
        """Iterations of a slot's current or last run; 0 before the first."""
        run = self._runs.get(slot)
        return 0 if run is None else run.iteration

    def step(self, slots: Collection[int]) -> Mapping[int, Exception]:
        """Train one iteration of the given slots' runs.

        Returns:
            The errors of the slots that are at fault; all others have made their step. If the
            memory is too small for several runs at once, all of them have that error.
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
