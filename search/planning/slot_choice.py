"""``--slots auto``: how many trials a worker trains at once, by memory and speed.

On a GPU, a few steps are measured with the features of the search. The slots are doubled as long
as they fit into the memory and the trials get faster. On a CPU, slots save nothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from search.errors import ClusterError
from search.machine.resources import Machine
from trainer.config.configuration import TrainConfig
from trainer.console.sizes import bytes_text
from trainer.engine.memory import lacks_memory
from trainer.engine.slots import Slots
from trainer.features import DatasetFeatures

__all__ = ["DeviceMemory", "SlotCost", "best_slots", "choose_slots"]

MOST_SLOTS = 32
LEAST_GAIN = 1.1  # speed-up that twice the slots must reach
SHARE = 0.8  # of the free memory; the rest is for fragmentation and for the process itself
WARM_STEPS, STEPS = 2, 5


class DeviceMemory(Protocol):
    """The memory of the device that trains."""

    def free(self) -> int:
        """Free bytes."""

    def peak(self, action: Callable[[], None]) -> int:
        """Bytes that an action uses at most."""


class CudaMemory:
    """The memory of a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def free(self) -> int:
        """Free bytes."""
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self._device)[0]

    def peak(self, action: Callable[[], None]) -> int:
        """Bytes that an action uses at most, including torch's cache."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_reserved(self._device)
        action()
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_reserved(self._device) - before


def device_memory(device: torch.device) -> DeviceMemory | None:
    """The memory of a GPU; None for the CPU."""
    return CudaMemory(device) if device.type == "cuda" else None


@dataclass(frozen=True, kw_only=True)
class SlotCost:
    """The cost of a number of slots."""

    slots: int
    #: Bytes of the device's memory.
    memory: int
    #: Seconds of a step of all slots.
    seconds: float

    @property
    def speed(self) -> float:
        """Iterations of trials in a second."""
        return self.slots / self.seconds

    def __str__(self) -> str:
        """Such as ``8 slots: 1.9 GiB, 12.3 ms a step``."""
        name = "slot" if self.slots == 1 else "slots"
        milliseconds = 1000 * self.seconds
        return f"{self.slots} {name}: {bytes_text(self.memory)}, {milliseconds:.1f} ms a step"


def measure_slots(
    config: TrainConfig,
    dataset_features: DatasetFeatures,
    device: torch.device,
    memory: DeviceMemory,
    count: int,
) -> SlotCost | None:
    """Train a few steps and evaluate once; None if the memory is too small.

    Raises:
        ConfigError: If the configuration cannot be trained.
    """
    seconds = math.inf

    def train() -> None:
        nonlocal seconds
        slots = Slots.start([config] * count, dataset_features, device)
        for _ in range(WARM_STEPS):
            slots.step()
        slots.evaluate(0, dataset_features.val)
        began = time.perf_counter()
        for _ in range(STEPS):
            slots.step()
        slots.take_loss(0)  # waits for the device
        seconds = (time.perf_counter() - began) / STEPS

    try:
        taken = memory.peak(train)
    except (RuntimeError, MemoryError) as error:
        if lacks_memory(error):
            return None
        raise
    return SlotCost(slots=count, memory=taken, seconds=seconds)


def choose_slots(measured: Callable[[int], SlotCost | None], *, room: int) -> SlotCost | None:
    """Double the slots as long as they fit and the trials get faster.

    Args:
        measured: Measures a number of slots; None if they do not fit.
        room: Bytes that a worker may use.

    Returns:
        The best choice; None if not even one slot fits.
    """
    best, fewer = measured(1), 0
    while best is not None and 2 * best.slots <= MOST_SLOTS:
        each = (best.memory - fewer) / max(1, best.slots / 2)
        if best.memory + each * best.slots > room:
            break
        wider = measured(2 * best.slots)
        if wider is None or wider.memory > room or wider.speed < LEAST_GAIN * best.speed:
            break
        best, fewer = wider, best.memory
    return best


def best_slots(
    config: TrainConfig,
    dataset_features: DatasetFeatures,
    machine: Machine,
    memory: Callable[[torch.device], DeviceMemory | None] = device_memory,
) -> SlotCost:
    """Measure which number of slots per worker is best.

    Args:
        config: The configuration of the search's runs.
        dataset_features: The features to train on.
        machine: The machine, whose own device is measured.
        memory: Finds the memory of a device.

    Raises:
        ClusterError: If the memory is too small for one slot.
    """
    device = torch.device(machine.own_device)
    found = memory(device)
    if found is None:
        raise ClusterError(f"the slots of {device} cannot be measured: give --slots a number")
    sharing = math.ceil(machine.workers / max(1, len(machine.gpus)))
    room = int(SHARE * found.free() / sharing)
    best = choose_slots(
        lambda count: measure_slots(config, dataset_features, device, found, count), room=room
    )
    if best is None or best.memory > room:
        raise ClusterError(
            f"a worker needs more than the {bytes_text(room)} of memory that it may use of"
            f" {machine.own_device}: give fewer --workers, or a smaller batch"
        )
    return best
