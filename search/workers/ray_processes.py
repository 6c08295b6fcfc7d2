"""The processes of a local Ray, to be killed if Ray leaves some behind.

A raylet that was killed, or that started too slowly, leaves its agents behind; these search for a
head that no longer exists for as long as a driver would.
"""

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

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
            fields = _fields(int(entry.name))
            if any(sign in (entry / "cmdline").read_bytes() for sign in signs):
                parents[int(entry.name)], started[int(entry.name)] = fields
    return {pid: started[pid] for pid in parents if _is_below(pid, parents)}


def end(processes: Mapping[int, int]) -> None:
    """Kill the processes that still exist."""
    for pid, started in processes.items():
        with contextlib.suppress(OSError):
            if _fields(pid)[1] == started:
                os.kill(pid, signal.SIGKILL)


def _fields(pid: int) -> tuple[int, int]:
    """Parent and start time of a process: fields 4 and 22 of proc(5)."""
    text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold any character
    return int(fields[1]), int(fields[19])


def _is_below(pid: int, parents: Mapping[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
    return pid == os.getpid()
