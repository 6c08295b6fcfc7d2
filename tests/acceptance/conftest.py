"""The real command in processes of its own: a storage, a cache and checkpoints a test."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.scratch import scratch_root
from tests.tiny import tiny
from trainer.config.toml_records import toml_text

REPOSITORY = Path(__file__).parents[2]
TINY = toml_text(tiny(iterations=12, evaluations=4))


@dataclass(frozen=True, kw_only=True)
class SearchCommand:
    """Runs ``python -m search`` with places of its own."""

    folder: Path
    cache: Path

    @property
    def storage(self) -> list[str]:
        return ["--storage", f"embedded:{self.folder / 'pg'}"]

    def places(self) -> list[str]:
        folders = ["--cache", str(self.cache), "--checkpoints", str(self.folder / "checkpoints")]
        return [*self.storage, *folders, "--device", "cpu", "--plain"]

    def environment(self) -> dict[str, str]:
        """Its cores are reserved in a folder of its own: tests run beside each other."""
        bookings = str(self.folder / "bookings")
        return {**os.environ, "OMP_NUM_THREADS": "1", "UMSS_BOOKINGS": bookings}

    def config(self, extra: str = "") -> str:
        path = self.folder / "tiny.toml"
        path.write_text(TINY + extra)
        return str(path)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "search", *arguments],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env=self.environment(),
            )

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "search", *arguments],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            env=self.environment(),
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def launch(self, *arguments: str, extra: str = "") -> str:
        return self.run("launch", "--config", self.config(extra), *self.places(), *arguments)

    def status(self, study: str) -> dict[str, Any]:
        view: dict[str, Any] = json.loads(self.run("status", study, "--json", *self.storage))
        return view

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def wait_for(self, sign: str, *, seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if sign in self.log():
                return self.log()
            time.sleep(0.1)
        raise AssertionError(f"no {sign!r} in: {self.log()}")


@pytest.fixture(scope="session")
def feature_cache() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="umss-cache-", dir=scratch_root()))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def search_command(feature_cache: Path) -> Iterator[SearchCommand]:
    # Not under tmp_path: the account that root's server runs under may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    folder.chmod(0o755)
    yield SearchCommand(folder=folder, cache=feature_cache)
    shutil.rmtree(folder)


@pytest.fixture
def ended() -> Iterator[Callable[[subprocess.Popen[str]], subprocess.Popen[str]]]:
    """Registers a process that is not to outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def register(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        started.append(process)
        return process

    yield register
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
