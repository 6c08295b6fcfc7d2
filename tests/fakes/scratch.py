"""Where tests keep temporary files."""

import functools
import os
from pathlib import Path

__all__ = ["scratch_root"]

MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
ROOM = 4 * 2**30  # bytes


@functools.cache
def scratch_root() -> Path:
    """A folder with a short name, which the account of root's database server may enter.

    It is in memory if that has room and can hold programs: on a disk, the small files of databases
    and checkpoints take a sixth of the time of all tests.
    """
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return DISK
    has_room = found.f_bavail * found.f_frsize >= ROOM
    holds_programs = not found.f_flag & os.ST_NOEXEC
    return MEMORY if has_room and holds_programs and os.access(MEMORY, os.W_OK) else DISK
