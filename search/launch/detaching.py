"""Detach: start a search on the head node of a Ray cluster and leave it running there.

Only settings and file names pass through Ray, where others can read them. The process finds the
database on that node: the address in ``UMSS_STORAGE`` of Ray's environment, the password in that
address, in ``PGPASSFILE`` or in ``--password-file``. It does not belong to Ray, so it survives
the death of Ray's head like any other driver.
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
from storage.process_identity import read_status
from trainer.console.shell import search_command, shell_text

__all__ = ["Detached", "detach", "start_here"]

WATCH_SECONDS = 20.0  # how long to watch for an early failure
POLL_SECONDS = 0.2
PROC = Path("/proc")
#: Starts a command in the background, so that it survives the process that started it.
BACKGROUND = 'log="$1"; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'


@dataclass(frozen=True, kw_only=True)
class Detached:
    """A search that was started on a node."""

    host: str
    pid: int
    #: Path of its log on that node.
    log: str
    #: What it printed so far.
    printed: str
    #: Whether it has ended already.
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
    """Start ``python -m search launch`` on the head node of a cluster, and leave it running.

    Args:
        arguments: Its flags, except ``--study``, ``--config`` and ``--ray``.
        config: All settings, as TOML.
        study: Name of the study, by which to find it again.
        ray_address: Address of the cluster.
        storage: Value of ``--storage``; refused, because Ray would show it to others.
        say: Prints a line.

    Raises:
        SettingsError: If a flag is missing, or must not pass through Ray.
        ClusterError: If the cluster cannot be reached, or the search ended at once.
    """
    if ray_address is None:
        raise SettingsError("--detach needs a Ray cluster: give --ray HOST:PORT")
    if study is None:
        raise SettingsError("--detach needs a name to find the search again: give --study NAME")
    if storage is not None:
        raise SettingsError(
            "--detach refuses --storage, because others could read it in Ray: set"
            f" {STORAGE_VARIABLE} in the environment of `ray start` on the head node"
        )
    command = ["launch", "--study", study, "--plain", *arguments]
    with joined(ray_address) as cluster_address:
        command += ["--ray", cluster_address]
        found: Detached = on_head(start_here, command, config, study)
    if found.ended and "is finished" not in found.printed:
        raise ClusterError(
            f"the search ended at once on {found.host}: {_last_line(found.printed)}"
        )
    say(f"study {study} runs on {found.host} as process {found.pid}; its log: {found.log}")
    attach, stop = (shell_text(search_command(verb, study=study)) for verb in ("attach", "stop"))
    say(f"`{attach}` shows it, `{stop}` stops it")


def start_here(command: Sequence[str], config: str, study: str) -> Detached:
    """Start the search on this node. Ray calls this, so the arguments hold no secrets.

    Args:
        command: Command and flags, except ``--config``.
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
        printed = f"{STORAGE_VARIABLE} was not set when Ray was started on {host}"
        return Detached(host=host, pid=0, log=str(log), printed=printed, ended=True)
    search = [sys.executable, "-m", "search", *command, "--config", str(folder / "config.toml")]
    done = subprocess.run(
        ["/bin/sh", "-c", BACKGROUND, "sh", str(log), *search],
        env=environment, start_new_session=True, capture_output=True, text=True, check=True,
    )  # fmt: skip
    pid = int(done.stdout)
    ended = _watch(pid, log, study)
    printed = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return Detached(host=host, pid=pid, log=str(log), printed=printed, ended=ended)


def _watch(pid: int, log: Path, study: str) -> bool:
    """Wait until the search has created its study or ended; return whether it ended."""
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        status = read_status(pid)
        if status is None or status.ended:  # in a container, nobody may wait for orphans
            return True
        if log.exists() and f"study {study} created" in log.read_text(errors="replace"):
            return False
        time.sleep(POLL_SECONDS)
    return False


def _environment_of_node() -> Mapping[str, str]:
    """The environment in which Ray was started here; Ray changes that of its workers."""
    own = dict(os.environ)
    try:
        text = (PROC / own.get("RAY_RAYLET_PID", "self") / "environ").read_bytes()
    except OSError:
        return own
    pairs = [entry.partition("=") for entry in os.fsdecode(text).split("\0") if "=" in entry]
    return {name: value for name, _, value in pairs}


def _last_line(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it printed nothing"
