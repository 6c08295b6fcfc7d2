"""Products in bfloat16, for runs that want them: autocast that our own gradients follow.

Autocast is the state of a thread. A hand-written gradient runs after the forward pass has left
that state and has to enter it again, with :func:`as_in_forward`.
"""

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["as_in_forward", "in_full", "low_precision", "products_in"]


def products_in(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within it, factors and results of matrix products are rounded to the precision.

    Args:
        device: Where the products are.
        precision: ``fp32``, which changes nothing, or ``bf16``.
    """
    return as_in_forward(device, low=precision == "bf16")


def low_precision(device: torch.device) -> bool:
    """Whether products on the device are made in low precision just now."""
    known = torch.amp.is_autocast_available(device.type)  # the meta device has none
    return known and torch.is_autocast_enabled(device.type)


def as_in_forward(device: torch.device, *, low: bool) -> AbstractContextManager[object]:
    """The state in which a forward pass found :func:`low_precision` to be ``low``."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if low else nullcontext()


def in_full(device: torch.device) -> AbstractContextManager[object]:
    """Within it, products are in full precision: for differences of nearly equal numbers."""
    if not low_precision(device):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
