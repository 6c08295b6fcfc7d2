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


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under tmp_path: the account that root's server runs under may not enter that."""
    made = Path(tempfile.mkdtemp(prefix="umss-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def server_runs(folder: Path) -> bool:
    with FileLock(folder / "server.lock") as lock:
        return not lock.try_exclusive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_embedded_server_stops(number: signal.Signals, folder: Path) -> None:
    command = ["dashboard", "--port", "0", "--storage", f"embedded:{folder}"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "search", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(2)]
    assert "/umss/" in said[1] and server_runs(folder)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rest.startswith("stopped; the searches go on: `python -m search status")
    assert not server_runs(folder)
