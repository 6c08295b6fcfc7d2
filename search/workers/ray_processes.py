"""The processes of a local Ray, to be killed if Ray leaves some behind.

A raylet that was killed, or that started too slowly, leaves its agents behind; these search for a
head that no longer exists for as long as a driver would.
"""

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from storage.process_identity import read_status

__all__ = ["end", "ray_processes"]

PROC = Path("/proc")
TITLE = b"ray::"  # how the titles begin that processes of Ray give themselves


def ray_processes(package: Path) -> dict[int, int]:
    """The start times of Ray's processes below this one, by process number.

    The start time distinguishes a process from a later one with the same number.

    Args:
        package: Folder of Ray's package, which holds the programs that Ray starts.
    """
    signs = (TITLE, os.fsencode(package))
    parents: dict[int, int] = {}
    started: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pid, status = int(entry.name), read_status(int(entry.name))
            of_ray = any(sign in (entry / "cmdline").read_bytes() for sign in signs)
            if of_ray and status is not None:
                parents[pid], started[pid] = status.parent, status.started
    return {pid: started[pid] for pid in parents if _is_below(pid, parents)}


def end(processes: Mapping[int, int]) -> None:
    """Kill the processes that still exist."""
    for pid, started in processes.items():
        status = read_status(pid)
        if status is not None and status.started == started:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _is_below(pid: int, parents: Mapping[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
    return pid == os.getpid()
