"""Drivers as processes: how they are started, found, asked how they ended, and ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Protocol

from tests.chaos.driver_options import LOG_FILE, DriverOptions

__all__ = ["REPOSITORY", "Launcher", "LightLauncher", "RayLauncher", "Running", "below"]

REPOSITORY = Path(__file__).parents[2]


@dataclass(kw_only=True, eq=False)
class Running:
    """A driver that was started."""

    process: "ForkServerProcess | subprocess.Popen[bytes]"
    #: ``driver``, or ``standby`` where it waits for the lease.
    role: str
    started: float = field(default_factory=time.time)
    #: Signals that the schedule sent it.
    sent: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """Its process number."""
        assert self.process.pid is not None
        return self.process.pid

    def ended(self) -> int | None:
        """Its exit code; None while it lives."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        return self.process.exitcode

    @property
    def frozen(self) -> bool:
        """Whether it was stopped and not yet thawed."""
        return self.sent.count(signal.SIGSTOP) > self.sent.count(signal.SIGCONT)

    def send(self, number: int) -> None:
        """Send it a signal; quiet if it has ended."""
        self.sent.append(number)
        if self.ended() is None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it, unless it has ended, and wait."""
        if self.ended() is None:
            os.kill(self.pid, signal.SIGKILL)
        if isinstance(self.process, subprocess.Popen):
            self.process.wait(timeout=60)
        else:
            self.process.join(timeout=60)


class Launcher(Protocol):
    """Starts drivers, of one kind."""

    #: The beginning of its workers' titles.
    worker_title: str

    def start(self, options: DriverOptions, role: str) -> Running:
        """Start a driver."""


class LightLauncher:
    """Drivers as children of a fork server that has imported everything."""

    worker_title = "umss-"

    def __init__(self, context: ForkServerContext) -> None:
        self._context = context

    def start(self, options: DriverOptions, role: str) -> Running:
        """Start a driver, which drives after a fraction of a second."""
        process = self._context.Process(target=_drive, args=(options,))
        process.start()
        return Running(process=process, role=role)


def _drive(options: DriverOptions) -> None:
    from tests.chaos.driver_process import drive  # imported already, by the fork server

    drive(options)


class RayLauncher:
    """Drivers as the real command, each with its own Ray."""

    worker_title = "ray::"

    def start(self, options: DriverOptions, role: str) -> Running:
        """Start ``python -m search launch``, which drives after about ten seconds."""
        from trainer.config.toml_records import toml_text

        settings = options.folder / "settings.toml"
        settings.write_text(toml_text(options.tables()))
        flags = ["--config", str(settings), "--study", options.study, "--plain"]
        flags += ["--storage", options.address, "--cache", str(options.cache)]
        flags += ["--checkpoints", str(options.checkpoints), "--device", "cpu"]
        flags += ["--workers", str(options.workers), "--slots", str(options.slots)]
        flags += ["--oversubscribe"]
        with (options.folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "search", "launch", *flags],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return Running(process=process, role=role)


def below(pid: int, title: str) -> list[int]:
    """Living processes below ``pid`` whose name or title begins so, oldest first."""
    parents, named = {}, set()
    for child, parent, names in _processes():
        parents[child] = parent
        if any(name.startswith(title) for name in names):
            named.add(child)
    return sorted(child for child in named if pid in _ancestors(child, parents))


def _ancestors(child: int, parents: dict[int, int]) -> Iterator[int]:
    while child in parents:
        child = parents[child]
        yield child


def _processes() -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Number, parent, and name and title of every process that has not ended."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it has ended meanwhile
            head, _, tail = (entry / "stat").read_text().rpartition(")")
            state, parent = tail.split()[:2]
            title = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
            if state not in "ZX":
                yield int(entry.name), int(parent), (head.partition("(")[2], title)
