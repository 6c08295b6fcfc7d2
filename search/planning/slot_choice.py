"""``--slots auto``: how many trials a worker trains at once, by memory and speed on this device.

On the CPU that is one: training together saves nothing there. On a GPU a few steps are measured
with the search's own features, and the slots are doubled as long as the memory holds them and the
trials get faster.
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
LEAST_GAIN = 1.1  # by which twice the slots have to be faster
SHARE = 0.8  # of the free memory: the rest is for fragments, and for what a process takes itself
WARM_STEPS, STEPS = 2, 5


class DeviceMemory(Protocol):
    """The memory of the device that trains."""

    def free(self) -> int:
        """Bytes that nobody uses."""

    def peak(self, action: Callable[[], None]) -> int:
        """Bytes that an action takes at most."""


class CudaMemory:
    """The memory of a GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def free(self) -> int:
        """Bytes that nobody uses."""
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self._device)[0]

    def peak(self, action: Callable[[], None]) -> int:
        """Bytes that an action takes at most, with what torch keeps beside them."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_reserved(self._device)
        action()
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_reserved(self._device) - before


def device_memory(device: torch.device) -> DeviceMemory | None:
    """The memory that slots have to fit in; None on the CPU."""
    return CudaMemory(device) if device.type == "cuda" else None


@dataclass(frozen=True, kw_only=True)
class SlotCost:
    """What so many slots cost."""

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
        """Such as ``8 slots: 1.9 GiB, 12.3 ms an iteration of all``."""
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
    """Train a few steps and evaluate once; None if the memory is too little.

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
        measured: What a number of slots costs; None if it does not fit.
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
    """Measure how many slots each of the machine's workers is to have.

    Args:
        config: What the search trains.
        dataset_features: The features that it trains on.
        machine: The machine; its own device is measured.
        memory: The memory of a device.

    Raises:
        ClusterError: If the memory is too little for one slot.
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
