"""Memory that is freed and asked for again, batch after batch, without the kernel in between.

A backbone's maps are tens of megabytes. glibc takes such blocks from the kernel and gives them
back each time, and the kernel clears every page again: as much time as the computing itself. For
the length of a block, freed memory stays with the process instead. Other allocators are left
alone.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["freed_memory_kept"]

# parameters of mallopt(3)
TRIM_THRESHOLD, MAP_THRESHOLD, MAPPED_BLOCKS = -1, -3, -4
KEPT = {TRIM_THRESHOLD: 2**31 - 1, MAPPED_BLOCKS: 0}
#: Setting one stops glibc from adapting its thresholds: afterwards they have the values up to
#: which it raises them in a process that frees large blocks.
AFTERWARDS = {TRIM_THRESHOLD: 64 * 2**20, MAP_THRESHOLD: 32 * 2**20, MAPPED_BLOCKS: 65536}


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory for the length of a block; it is given back at the end."""
    library = ctypes.CDLL(None)
    if not (hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt")):
        yield
        return
    try:
        for parameter, value in KEPT.items():
            library.mallopt(parameter, value)
        yield
    finally:
        for parameter, value in AFTERWARDS.items():
            library.mallopt(parameter, value)
        library.malloc_trim(0)
