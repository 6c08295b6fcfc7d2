"""The machine a search runs on: its device, and how many workers share it."""

import os
from dataclasses import dataclass

import torch

from search.errors import SettingsError

__all__ = ["Machine", "find_machine"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where the workers run; not part of what a study is."""

    #: Torch device of every worker: ``cpu`` or ``cuda``.
    device: str
    #: Workers, one a processor core or a share of a GPU.
    workers: int
    #: GPUs offered to the workers; 0 on the CPU.
    gpus: int

    @property
    def gpu_share(self) -> float:
        """GPUs a worker takes; workers share one where there are more workers than GPUs."""
        return min(1.0, self.gpus / self.workers) if self.gpus else 0.0


def find_machine(device: str, workers: int | None) -> Machine:
    """What this machine has, or the part of it that was asked for.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: Number of workers; None is one a GPU, or one a core without GPUs.

    Raises:
        SettingsError: If the device is unknown or absent, or the number is out of range.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"unknown --device {device!r}: choose auto, cpu or cuda")
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cuda" and not available:
        raise SettingsError("--device cuda: torch finds no GPU here; use --device cpu or auto")
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers} is too small: give 1 or more")
    gpus = 0 if device == "cpu" else available
    cores = len(os.sched_getaffinity(0))
    return Machine(device="cuda" if gpus else "cpu", workers=workers or gpus or cores, gpus=gpus)
