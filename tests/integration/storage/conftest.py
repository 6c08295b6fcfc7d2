"""Folders for embedded servers, a server that wants passwords, and other processes."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


class Child:
    """Another Python process, which tells lines and is told lines."""

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

    def tell(self) -> None:
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
    parent = Path(tempfile.mkdtemp(prefix="umss-", dir="/tmp"))
    parent.chmod(0o711)
    yield parent / "server"
    for pid_file in parent.rglob("data/postmaster.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
            pid = int(pid_file.read_text().split()[0])
            if Path(f"/proc/{pid}/cwd").resolve() == pid_file.parent:
                os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(parent, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class PasswordServer:
    """A PostgreSQL on TCP whose only role needs a password."""

    port: int
    password: str

    def address(self, database: str = "postgres", user: str = "owner") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def password_server() -> Iterator[PasswordServer]:
    """A server of Debian's, on a TCP port, with SCRAM passwords."""
    if not (DEBIAN_PROGRAMS / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 in {DEBIAN_PROGRAMS} to test passwords over TCP with")
    # Root must start it as another user, who is made with Debian's package.
    account = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="umss-tcp-", dir="/tmp"))
    if account:
        shutil.chown(folder, user="postgres")
    server = PasswordServer(port=_free_port(), password=secrets.token_hex(8))

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(DEBIAN_PROGRAMS / program), "-D", "data", *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )

    (folder / "password").write_text(server.password)
    (folder / "password").chmod(0o644)
    run("initdb", "-U", "owner", "-A", "scram-sha-256", "--pwfile", "password", "--no-sync")
    options = f"-p {server.port} -h 127.0.0.1 -k {folder}"
    run("pg_ctl", "start", "-w", "-l", "log", "-o", options)
    yield server
    run("pg_ctl", "stop", "-w", "-m", "immediate")
    shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
