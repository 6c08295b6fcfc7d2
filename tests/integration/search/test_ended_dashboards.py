"""A dashboard that is ended stops the embedded server that it started, as after Ctrl-C."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.file_lock import FileLock
from tests.fakes.scratch import scratch_root


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under tmp_path: the account that root's server runs under may not enter that."""
    made = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    yield made
    shutil.rmtree(made)


def server_runs(folder: Path) -> bool:
    with FileLock(folder / "server.lock") as lock:
        return not lock.try_exclusive()


@pytest.fixture
def dashboard(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A dashboard that takes Ctrl-C, also where these tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = ["dashboard", "--port", "0", "--storage", f"embedded:{folder}"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "search", *command], stdout=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_embedded_server_stops(
    number: signal.Signals, folder: Path, dashboard: "subprocess.Popen[str]"
) -> None:
    assert dashboard.stdout is not None
    shown = [dashboard.stdout.readline() for _ in range(2)]
    assert "/umss/" in shown[1] and server_runs(folder)
    dashboard.send_signal(number)
    rest, _ = dashboard.communicate(timeout=60)
    assert dashboard.returncode == 0
    assert rest.startswith("stopped; the searches continue: `python -m search status")
    assert not server_runs(folder)
