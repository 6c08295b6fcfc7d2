"""Work in blocks that fit together in a core's cache, or in a GPU's memory."""

from collections.abc import Iterator

from torch import Tensor

__all__ = ["blocks"]

#: Numbers of the largest array of one block: small enough for a core's cache, or a GPU's memory.
NUMBERS_CPU = 2**17
NUMBERS_GPU = 2**28


def blocks(count: int, *, numbers: int, like: Tensor) -> Iterator[slice]:
    """Slices of ``count`` items, each of which has an array of ``numbers`` numbers.

    Args:
        count: Number of items.
        numbers: Numbers per item, in the largest array that the work needs.
        like: A tensor on the device of the work.
    """
    capacity = NUMBERS_GPU if like.is_cuda else NUMBERS_CPU
    size = max(1, capacity // max(1, numbers))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
