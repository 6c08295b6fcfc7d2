"""Identifies a process, and distinguishes it from others with the same process number.

A process number alone is not unique: it is reused, after a restart of the machine as well, and
every container has its own numbers. Together with the start time, the boot id and the process
namespace, it identifies one process.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessIdentity", "ProcessStatus", "boot_id", "read_status"]

PROC = Path("/proc")
#: State letters of a process that has ended but is still listed: zombie, dead.
ENDED_STATES = ("Z", "X", "x")


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """What the system says about a process."""

    #: State letter.
    state: str
    #: Process number of its parent.
    parent: int
    #: Start of the process in clock ticks after the start of the machine.
    started: int

    @property
    def ended(self) -> bool:
        """Whether the process has ended, although it is still listed."""
        return self.state in ENDED_STATES


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """One process, with the machine and the namespace in which its number is valid."""

    #: Host name.
    host: str
    #: Random id of this start of the machine; empty if the system has none.
    boot_id: str
    #: Inode of the process namespace; 0 if the system has none.
    namespace: int
    #: Process number.
    pid: int
    #: Start of the process in clock ticks after the start of the machine; 0 if unknown.
    started: int

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        """The identity of this process."""
        pid = os.getpid()
        status = read_status(pid)
        return cls(
            host=socket.gethostname(),
            boot_id=boot_id(),
            namespace=_namespace(),
            pid=pid,
            started=0 if status is None else status.started,
        )

    def is_certainly_dead(self) -> bool:
        """Whether the process ran on this machine, in this process's namespace, and has ended.

        False if that cannot be determined: on another host, in another namespace, or if the
        process's details are hidden from this one.
        """
        here = (socket.gethostname(), boot_id(), _namespace())
        if not self.boot_id or (self.host, self.boot_id, self.namespace) != here:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        status = read_status(self.pid)
        if status is None:
            return False
        return status.ended or status.started != self.started


def read_status(pid: int) -> ProcessStatus | None:
    """The status of a process; None if there is no such process, or it is hidden."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold any character
    # fields 3, 4 and 22 of proc(5)
    return ProcessStatus(state=fields[0], parent=int(fields[1]), started=int(fields[19]))


def boot_id() -> str:
    """Random id of this start of the machine; empty if the system has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> int:
    try:
        return (PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return 0
