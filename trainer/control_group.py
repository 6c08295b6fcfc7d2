"""Limits that control groups (cgroups, version 1 or 2) put on this process.

Containers and job systems limit a process without hiding hardware: all processors are visible,
but a quota limits how long they may be used in each period. A group's limit also holds for the
groups inside it, so the smallest limit from this process's group upwards applies.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Limits", "limit_threads", "limits", "usable_cores", "usable_memory"]

ROOT = Path("/")
UNLIMITED = 2**62  # version 1 writes a number near 2**63 for no limit


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the groups that contain this process; None means unlimited."""

    #: Processor time in units of whole processors, such as 1.5.
    processors: float | None = None
    #: Bytes of memory.
    memory: int | None = None


def limits(root: Path = ROOT) -> Limits:
    """The limits of this process.

    Args:
        root: Folder to use in place of the root folder.
    """
    if sys.platform != "linux":
        return Limits()
    processors = [quota for folder in _folders(root, "cpu") for quota in _quotas(folder)]
    memory = [size for folder in _folders(root, "memory") for size in _sizes(folder)]
    return Limits(
        processors=min(processors, default=None),
        memory=min((size for size in memory if size < UNLIMITED), default=None),
    )


def usable_cores(root: Path = ROOT) -> tuple[int, ...]:
    """Indices of the processor cores that this process may keep busy.

    These are the cores of its affinity mask, limited to as many whole ones as its quota covers,
    but at least one.
    """
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    quota = limits(root).processors
    return allowed if quota is None else allowed[: max(1, int(quota))]


def usable_memory(root: Path = ROOT) -> int:
    """Bytes of memory that this process and its group may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = limits(root).memory
    return physical if limit is None else min(physical, limit)


def limit_threads(root: Path = ROOT) -> None:
    """Limit torch to as many threads as this process may keep busy.

    By default torch starts one per core of the affinity mask, and those beyond the quota only
    wait. A number set by ``OMP_NUM_THREADS`` is respected.
    """
    if limits(root).processors is None or "OMP_NUM_THREADS" in os.environ:
        return
    import torch  # lazily: reading the limits does not need it

    torch.set_num_threads(min(torch.get_num_threads(), len(usable_cores(root))))


def _quotas(folder: Path) -> Iterator[float]:
    """Version 2 writes ``150000 100000`` or ``max 100000``, version 1 one file each; µs."""
    parts = _read(folder / "cpu.max").split()
    quota, period = parts if len(parts) == 2 else ("", "")
    if not parts:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        yield int(quota) / int(period)


def _sizes(folder: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _read(folder / name)
        if text.isdigit():
            yield int(text)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups, from the innermost up to the mount."""
    for mounted, top, kind, options in _mounts(root):
        for controllers, group in _groups(root):
            of_version_2 = kind == "cgroup2" and not controllers
            of_version_1 = kind == "cgroup" and controller in controllers and controller in options
            if of_version_2 or of_version_1:
                yield from _upwards(mounted, _inside(top, group))


def _upwards(mounted: Path, inside: str) -> Iterator[Path]:
    folder = mounted / inside
    yield folder
    while folder != mounted:
        folder = folder.parent
        yield folder


def _inside(top: str, group: str) -> str:
    """The group's path below the mount, which shows the hierarchy from ``top`` down.

    A container sees its own group as the top, but may be given a path from outside.
    """
    parts = Path(group).parts[1:]
    above = Path(top).parts[1:]
    if parts[: len(above)] == above:
        parts = parts[len(above) :]
    elif above:
        parts = ()
    return "" if ".." in parts else "/".join(parts)


def _groups(root: Path) -> Iterator[tuple[list[str], str]]:
    """Lines such as ``3:cpu,cpuacct:/docker/12ab``; version 2 names no controller."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        yield [name for name in controllers.split(",") if name], group


def _mounts(root: Path) -> Iterator[tuple[Path, str, str, list[str]]]:
    """Mounted hierarchies: the folder, its path in the hierarchy, type and options."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            mounted = _unescaped(fields[4]).lstrip("/")
            yield root / mounted, _unescaped(fields[3]), kind, options.split(",")


def _unescaped(text: str) -> str:
    """A path of the mount table, in which blanks are octal escapes."""
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
