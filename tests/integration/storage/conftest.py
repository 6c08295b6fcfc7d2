"""Folders for embedded servers, and other processes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.scratch import scratch_root

REPOSITORY = Path(__file__).parents[3]


class Child:
    """Another Python process, with which lines are exchanged."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, *arguments],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def send_line(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_frozen(self) -> None:
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def end(self) -> int:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def start_child() -> Iterator[Callable[..., Child]]:
    """Start other Python processes; those that still run at the end are killed."""
    children: list[Child] = []

    def start(program: str, *arguments: str) -> Child:
        children.append(Child(program, *arguments))
        return children[-1]

    yield start
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.send(signal.SIGKILL)
        child.end()


@pytest.fixture
def embedded_folder() -> Iterator[Path]:
    """An empty folder for an embedded server of the test's own."""
    parent = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    parent.chmod(0o711)
    yield parent / "server"
    for pid_file in parent.rglob("data/postmaster.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
            pid = int(pid_file.read_text().split()[0])
            if Path(f"/proc/{pid}/cwd").resolve() == pid_file.parent:
                os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(parent, ignore_errors=True)
