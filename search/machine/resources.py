"""The machine a search runs on: its device, and how many workers share it."""

import dataclasses
import os
from dataclasses import dataclass

import torch

from search.errors import SettingsError
from trainer.control_group import limits, usable_cores

__all__ = ["VISIBLE_VARIABLE", "Machine", "find_machine", "quota_text", "usable_cores"]

#: Which GPUs CUDA shows to a process.
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where the workers run; not part of what a study is."""

    #: Torch device of every worker: ``cpu`` or ``cuda``.
    device: str
    #: Workers, one a processor core or a share of a GPU.
    workers: int
    #: GPUs offered to the workers, as CUDA names them here; none on the CPU.
    gpus: tuple[str, ...] = ()
    #: Torch device of this process, which prepares the features.
    own_device: str = "cpu"

    @property
    def gpu_share(self) -> float:
        """GPUs a worker takes; workers share one where there are more workers than GPUs."""
        return min(1.0, len(self.gpus) / self.workers) if self.gpus else 0.0

    def on_cluster(self, gpus: int) -> "Machine":
        """The same in a cluster with so many GPUs: its workers share those, not this host's."""
        if self.device != "cuda":
            return self
        return dataclasses.replace(self, gpus=tuple(map(str, range(gpus))))


def find_machine(device: str, workers: int | None, *, joined: bool = False) -> Machine:
    """What this machine has, or the part of it that was asked for.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: Number of workers; None is one a GPU, or one a core without GPUs.
        joined: Whether the workers run in a cluster that is joined, whose GPUs they take.

    Raises:
        SettingsError: If the device is unknown or absent, or the number is out of range.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"unknown --device {device!r}: choose auto, cpu or cuda")
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers} is too small: give 1 or more")
    found = () if device == "cpu" else _gpus()
    if device == "cuda" and not found and joined:
        if workers is None:
            raise SettingsError(
                "--device cuda on a host that has no GPU itself: give --workers, at best as many"
                " as the cluster has GPUs"
            )
        return Machine(device="cuda", workers=workers)
    if device == "cuda" and not found:
        raise SettingsError("--device cuda: torch finds no GPU here; use --device cpu or auto")
    count = workers or len(found) or len(usable_cores())
    if not found:
        return Machine(device="cpu", workers=count)
    return Machine(device="cuda", workers=count, gpus=found, own_device="cuda:0")


def quota_text() -> str | None:
    """What a quota of processor time leaves of the cores, in one line; None without one."""
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
