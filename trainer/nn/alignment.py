"""Alignment of data to cache lines, so that results do not depend on addresses.

A matrix library may choose its algorithm by the addresses of factors and results and by the number
of products in one call, and each algorithm rounds differently. (Intel's oneMKL promises equal
results from run to run only for data aligned to 64 bytes.) So all factors of products begin on a
cache line, and on a CPU, results that must be the same for a slot alone and among others are
computed by the calls that the slot alone would make.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["LINE", "aligned", "each_slot"]

#: Bytes of a cache line; PyTorch's own allocations begin at a multiple of it.
LINE = 64


def aligned(tensor: Tensor) -> Tensor:
    """The tensor, or a copy with the same strides if it does not begin on a line.

    No gradient passes through the copy: it is for use inside a hand-written gradient. Tensors
    on other devices are returned unchanged.
    """
    if tensor.device.type != "cpu" or tensor.data_ptr() % LINE == 0:
        return tensor
    repeated = tuple(slice(0, 1) if not stride else slice(None) for stride in tensor.stride())
    once = tensor[repeated]
    copy = torch.empty_strided(once.size(), once.stride(), dtype=tensor.dtype).copy_(once)
    return copy.expand_as(tensor)


def each_slot(function: Callable[..., Tensor], *tensors: Tensor, slots: int) -> Tensor:
    """Apply a function to all slots: on a CPU to each separately, exactly as if it were alone.

    Args:
        function: Of tensors whose leading axes are as long as they would be for one slot, or
            for all slots; returns a tensor whose leading axis is in proportion.
        tensors: Its arguments; the leading axis of each is S times that of one slot.
        slots: Number S of slots.

    Returns:
        The function's result, along the leading axis.
    """
    if slots == 1 or tensors[0].device.type != "cpu":
        return function(*tensors)
    parts = zip(*(torch.split(tensor, len(tensor) // slots) for tensor in tensors), strict=True)
    return torch.cat([function(*part) for part in parts])
