"""Copies from the CPU to the device that do not wait."""

import torch
from torch import Tensor

__all__ = ["send"]


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a CPU tensor to the device; for a GPU from pinned memory, so that nothing waits."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
