"""The machine that a search runs on: its device, its workers and their slots."""

import dataclasses
import os
from dataclasses import dataclass

import torch

from search.errors import SettingsError
from trainer.control_group import limits, usable_cores

__all__ = ["VISIBLE_VARIABLE", "Machine", "find_machine", "quota_text", "usable_cores"]

#: Variable that says which GPUs CUDA shows to a process.
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where the workers run; not part of a study's configuration."""

    #: Torch device of every worker: ``cpu`` or ``cuda``.
    device: str
    #: Number of workers, each with one processor core or a share of a GPU.
    workers: int
    #: Number of trials that each worker trains at the same time.
    slots: int = 1
    #: GPUs offered to the workers, as CUDA names them here; none on the CPU.
    gpus: tuple[str, ...] = ()
    #: Torch device of this process, which prepares the features.
    own_device: str = "cpu"

    @property
    def seats(self) -> int:
        """Number of trials that can train at the same time."""
        return self.workers * self.slots

    @property
    def gpu_share(self) -> float:
        """GPUs per worker; below 1 if there are more workers than GPUs."""
        return min(1.0, len(self.gpus) / self.workers) if self.gpus else 0.0

    def on_cluster(self, gpus: int) -> "Machine":
        """The same for a cluster with this many GPUs, which the workers share instead."""
        if self.device != "cuda":
            return self
        return dataclasses.replace(self, gpus=tuple(map(str, range(gpus))))


def find_machine(
    device: str, workers: int | None, *, slots: int = 1, joined: bool = False
) -> Machine:
    """The device and the workers of this machine, as requested.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: Number of workers; None means one per GPU, or one per core without GPUs.
        slots: Number of trials that each worker trains at the same time.
        joined: Whether the workers run in a cluster that is joined, and use its GPUs.

    Raises:
        SettingsError: If the device is unknown or absent, or the number is out of range.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"unknown --device {device!r}: choose auto, cpu or cuda")
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers} is too small: give 1 or more")
    if slots < 1:
        raise SettingsError(f"--slots {slots} is too small: give 1 or more, or auto")
    found = () if device == "cpu" else _gpus()
    if device == "cuda" and not found and joined:
        if workers is None:
            raise SettingsError(
                "--device cuda on a host without a GPU: give --workers, ideally as many as the"
                " cluster has GPUs"
            )
        return Machine(device="cuda", workers=workers, slots=slots)
    if device == "cuda" and not found:
        raise SettingsError("--device cuda: torch finds no GPU here; use --device cpu or auto")
    count = workers or len(found) or len(usable_cores())
    if not found:
        return Machine(device="cpu", workers=count, slots=slots)
    return Machine(device="cuda", workers=count, slots=slots, gpus=found, own_device="cuda:0")


def quota_text() -> str | None:
    """A line about a quota that allows fewer processors than there are cores; else None."""
    quota, cores = limits().processors, len(os.sched_getaffinity(0))
    if quota is None or quota >= cores:
        return None
    return (
        f"a quota of {quota:g} processors, set for this process's control group, is enough for"
        f" {len(usable_cores())} of {cores} cores"
    )


def _gpus() -> tuple[str, ...]:
    """The GPUs that torch finds, as ``CUDA_VISIBLE_DEVICES`` names them."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name.strip() for name in os.environ.get(VISIBLE_VARIABLE, "").split(",")]
    names = named if VISIBLE_VARIABLE in os.environ else [str(index) for index in range(count)]
    return tuple(names[:count])
