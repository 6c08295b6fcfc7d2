"""The processes of a Ray of our own, to be ended when Ray leaves some behind.

A raylet that was killed, or that came too late, leaves its agents: they look for a head that
is gone, for as long as a driver would.
"""

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

__all__ = ["end", "ray_processes"]

PROC = Path("/proc")
TITLE = b"ray::"  # what processes of Ray that give themselves a title begin it with


def ray_processes(package: Path) -> dict[int, int]:
    """The processes of Ray below this one, with their start times (which tell numbers apart).

    Args:
        package: Folder of Ray's package, where what it starts lies.
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
    """Kill those of the processes that are still there."""
    for pid, started in processes.items():
        with contextlib.suppress(OSError):
            if _fields(pid)[1] == started:
                os.kill(pid, signal.SIGKILL)


def _fields(pid: int) -> tuple[int, int]:
    """Parent and start time of a process: fields 4 and 22 of proc(5)."""
    text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return int(fields[1]), int(fields[19])


def _is_below(pid: int, parents: Mapping[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
    return pid == os.getpid()
