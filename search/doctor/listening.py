"""Addresses on which a process and its descendants listen for TCP connections (Linux)."""

import ipaddress
import os
from pathlib import Path

from storage.process_identity import read_status

__all__ = ["listening_hosts"]

PROC = Path("/proc")
LISTEN = "0A"  # state of a listening socket in /proc/net/tcp


def listening_hosts(root: int) -> set[str]:
    """Addresses on which process ``root`` and its descendants listen."""
    inodes = {inode for pid in _family(root) for inode in _sockets(pid)}
    hosts = set()
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in inodes:
                hosts.add(_host(fields[1].partition(":")[0]))
    return hosts


def _family(root: int) -> set[int]:
    """The process and all its descendants."""
    parents = {}
    for entry in PROC.iterdir():
        status = read_status(int(entry.name)) if entry.name.isdigit() else None
        if status is not None:
            parents[int(entry.name)] = status.parent
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _sockets(pid: int) -> set[str]:
    """Inodes of the process's open sockets."""
    found = set()
    try:
        for link in (PROC / str(pid) / "fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    except OSError:
        pass  # it has ended, or belongs to another user
    return found


def _host(text: str) -> str:
    """``0100007F`` as 127.0.0.1: words of four bytes, each in the machine's byte order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
