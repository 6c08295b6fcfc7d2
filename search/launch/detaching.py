"""Detach: a search started on the head of a Ray cluster, where it runs on by itself.

Through Ray goes what anybody may read: settings, and the names of files. Where the database
is, the process finds out on that node: from ``UMSS_STORAGE`` in the environment of its Ray, and
``PGPASSFILE`` or ``--password-file`` for the password. It is a process of its own there, no
part of Ray, so that it outlives the head as any driver does.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.checkpoints.folders import SAFE_NAME
from search.errors import ClusterError, SettingsError
from search.workers.cluster import joined, on_head
from storage.address import STORAGE_VARIABLE
from trainer.console.shell import search_command, shell_text

__all__ = ["Detached", "detach", "start_here"]

WATCH_SECONDS = 20.0  # during which a bad start is told
POLL_SECONDS = 0.2
PROC = Path("/proc")
#: Starts a command as nobody's child, so that it does not go with whoever started it.
LEAVE = 'log="$1"; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'


@dataclass(frozen=True, kw_only=True)
class Detached:
    """A search that was started on a node."""

    host: str
    pid: int
    #: Its output, on that node.
    log: str
    #: What it said while it was watched.
    said: str
    #: Whether it runs on, or reached its end.
    ended: bool


def detach(
    arguments: Sequence[str],
    config: str,
    *,
    study: str | None,
    ray_address: str | None,
    storage: str | None,
    say: Callable[[str], None],
) -> None:
    """Start ``python -m search launch`` on the head of a cluster, and leave it there.

    Args:
        arguments: Its flags, but for ``--study``, ``--config`` and ``--ray``.
        config: All settings, as TOML.
        study: Name of the study, by which it is found again.
        ray_address: The cluster.
        storage: The address of the database by flag, which is refused here.
        say: Tells what became of it.

    Raises:
        SettingsError: If something is missing, or is not to go through Ray.
        ClusterError: If the cluster cannot be reached, or the search ended at once.
    """
    if ray_address is None:
        raise SettingsError("--detach leaves a search on a Ray cluster: give --ray HOST:PORT")
    if study is None:
        raise SettingsError("--detach needs a name to find the search again: give --study NAME")
    if storage is not None:
        raise SettingsError(
            "--detach takes no --storage, which everyone could read in Ray: set"
            f" {STORAGE_VARIABLE} where the Ray of the head node is started"
        )
    command = ["launch", "--study", study, "--plain", *arguments]
    with joined(ray_address) as cluster_address:
        command += ["--ray", cluster_address]
        found: Detached = on_head(start_here, command, config, study)
    if found.ended and "is finished" not in found.said:
        raise ClusterError(f"the search ended at once on {found.host}: {_last_line(found.said)}")
    say(f"study {study} runs on {found.host} as process {found.pid}; its log: {found.log}")
    attach, stop = (shell_text(search_command(verb, study=study)) for verb in ("attach", "stop"))
    say(f"`{attach}` shows it, `{stop}` stops it")


def start_here(command: Sequence[str], config: str, study: str) -> Detached:
    """Start the search on this node; called by Ray, with nothing secret.

    Args:
        command: Verb and flags, but for ``--config``.
        config: All settings, as TOML.
        study: Name of the study.
    """
    name = study if SAFE_NAME.fullmatch(study) else "study"
    folder = Path(tempfile.mkdtemp(prefix=f"umss-{name}-"))
    (folder / "config.toml").write_text(config, encoding="utf-8")
    log = folder / "log"
    host = os.uname().nodename
    environment = _environment_of_node()
    if not environment.get(STORAGE_VARIABLE):
        said = f"{STORAGE_VARIABLE} is not set where the Ray of {host} was started"
        return Detached(host=host, pid=0, log=str(log), said=said, ended=True)
    search = [sys.executable, "-m", "search", *command, "--config", str(folder / "config.toml")]
    done = subprocess.run(
        ["/bin/sh", "-c", LEAVE, "sh", str(log), *search],
        env=environment, start_new_session=True, capture_output=True, text=True, check=True,
    )  # fmt: skip
    pid = int(done.stdout)
    ended = _watch(pid, log, study)
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return Detached(host=host, pid=pid, log=str(log), said=said, ended=ended)


def _watch(pid: int, log: Path, study: str) -> bool:
    """Wait until the search has its study, ends, or takes its time; whether it ended."""
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        if not (PROC / str(pid)).exists():
            return True
        if log.exists() and f"study {study} created" in log.read_text(errors="replace"):
            return False
        time.sleep(POLL_SECONDS)
    return False


def _environment_of_node() -> Mapping[str, str]:
    """What the Ray of this node was started with: a worker's own is laid over by Ray."""
    own = dict(os.environ)
    try:
        text = (PROC / own.get("RAY_RAYLET_PID", "self") / "environ").read_bytes()
    except OSError:
        return own
    pairs = [entry.partition("=") for entry in os.fsdecode(text).split("\0") if "=" in entry]
    return {name: value for name, _, value in pairs}


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it said nothing"
