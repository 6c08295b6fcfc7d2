"""Products in bfloat16 for runs that request them, by autocast that hand-written gradients follow.

Autocast is the state of a thread. A hand-written gradient runs after the forward pass has left
that state and has to enter it again with :func:`as_in_forward`.
"""

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["as_in_forward", "in_full", "low_precision", "products_in"]


def products_in(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """A context in which factors and results of matrix products are rounded to the precision.

    Args:
        device: Device of the products.
        precision: ``fp32``, which changes nothing, or ``bf16``.
    """
    return as_in_forward(device, low=precision == "bf16")


def low_precision(device: torch.device) -> bool:
    """Whether products on the device are currently computed in low precision."""
    known = torch.amp.is_autocast_available(device.type)  # the meta device has none
    return known and torch.is_autocast_enabled(device.type)


def as_in_forward(device: torch.device, *, low: bool) -> AbstractContextManager[object]:
    """The context in which a forward pass found :func:`low_precision` to be ``low``."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if low else nullcontext()


def in_full(device: torch.device) -> AbstractContextManager[object]:
    """A context with products in full precision, for differences of nearly equal numbers."""
    if not low_precision(device):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
