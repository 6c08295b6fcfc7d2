"""Ray nodes and drivers on hosts, by the scripts of deploy/."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.network import Host, Network, wait_until
from tests.hosts.server import DEPLOY, Server
from tests.tiny import tiny
from trainer.config.toml_records import toml_text
from trainer.features.cache import ENTRIES, MANIFEST

__all__ = ["PATIENCE", "Machines", "actors_on", "machines"]

REPOSITORY = DEPLOY.parent
PORT = 6379
PATIENCE = 900.0  # seconds: five Ray nodes on two cores beside much else
STUDY = "hosts"
#: How long Ray waits for its own processes: they start slowly where two cores do much else.
SLOW_MACHINE = {
    "RAY_agent_register_timeout_ms": "900000",
    "RAY_worker_register_timeout_seconds": "900",
}
#: Trials of some seconds, so that a cut finds some under way.
CONFIG = toml_text(tiny(iterations=400, evaluations=10))


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Starts the processes of the hosts."""

    #: That all hosts see, as by NFS: settings, token, artifacts.
    shared: Path
    #: Folders that each host has for itself: feature cache, checkpoints.
    local: Path
    #: Of Ray's sessions; sockets need short names.
    sessions: Path
    server: Server

    def head(self, host: Host, *, cores: int) -> None:
        """Start the head of the cluster there."""
        self._keep(host, "ray-head.sh", RAY_HOST=host.address, RAY_CPUS=str(cores))
        self._wait_for_node(host)

    def worker(self, host: Host, head: Host, *, cores: int) -> None:
        """Make the host a node of the cluster."""
        self._keep(host, "ray-worker.sh", RAY_HEAD=f"{head.address}:{PORT}", RAY_CPUS=str(cores))
        self._wait_for_node(host)

    def search(
        self, host: Host, head: Host, *flags: str, trials: int, joined: bool = False
    ) -> "subprocess.Popen[str]":
        """Launch the study there, or resume it."""
        return self._start(
            host,
            str(DEPLOY / "search.sh"),
            "launch", "--study", STUDY, "--config", str(self._config()), "--trials", str(trials),
            "--workers", "2", "--device", "cpu", "--plain", "--wait", "--pruner", "none",
            "--cache", str(self.local / "cache"),
            "--checkpoints", str(self.local / "checkpoints"), *flags,
            name="search",
            RAY_HEAD=f"{head.address}:{PORT}",
            RAY_JOINED="1" if joined else "",
            JOIN_SECONDS="900",
            DATABASE=self.server.address,
            PASSWORD_FILE=str(self.server.password_file),
            ARTIFACTS=str(self.shared / "artifacts"),
        )  # fmt: skip

    def log(self, host: Host, name: str = "search") -> str:
        """The output there."""
        path = self.shared / f"{host.name}.{name}"
        return path.read_text() if path.exists() else ""

    def _keep(self, host: Host, script: str, **variables: str) -> None:
        """Start it, and again whenever it ends, as a supervisor of services does.

        Ray gives a node 30 s to start, which two busy cores do not always do.
        """
        again = 'until "$0"; do sleep 1; done'
        self._start(host, "bash", "-c", again, str(DEPLOY / script), name=script, **variables)

    def _start(
        self, host: Host, script: str, *arguments: str, name: str, **variables: str
    ) -> "subprocess.Popen[str]":
        log = self.shared / f"{host.name}.{name}"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),
            "HOME": str(self.local),
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.shared / "token"),
            "RAY_AGENT_PORT": "52000",
            "RAY_TMPDIR": str(self.sessions / host.name),
            "UMSS_CACHE": str(self.local / "own-cache"),
            **SLOW_MACHINE,
            **{name: value for name, value in variables.items() if value},
        }
        with log.open("a") as file:
            return host.start(
                [script, *arguments], folder=REPOSITORY, environment=environment,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip

    def _wait_for_node(self, host: Host) -> None:
        def started() -> bool:
            logs = (self.log(host, name) for name in ("ray-head.sh", "ray-worker.sh"))
            return any("Ray runtime started" in log for log in logs)

        wait_until(f"{host.name} is a node of the cluster", started, seconds=PATIENCE)

    def entries_on(self, host: Host) -> int:
        """Entries of the host's own feature cache."""
        found = host.run("find", str(self.local), "-path", f"*/{ENTRIES}/*", "-name", MANIFEST)
        return len(found.stdout.splitlines())

    def _config(self) -> Path:
        path = self.shared / "tiny.toml"
        path.write_text(CONFIG)
        return path


@contextmanager
def machines(network: Network, server: Server, shared: Path, local: Path) -> Iterator[Machines]:
    """Folders for the processes of the hosts."""
    sessions = Path(tempfile.mkdtemp(prefix="uh-", dir="/tmp"))
    (shared / "token").write_text(secrets.token_hex(32))
    try:
        yield Machines(shared=shared, local=local, sessions=sessions, server=server)
    finally:
        network.end()
        shutil.rmtree(sessions, ignore_errors=True)


def actors_on(host: Host) -> int:
    """Workers of a search that live on the host."""
    found = host.run("pgrep", "--count", "--full", "^ray::_Actor", check=False)
    return int(found.stdout or 0)
