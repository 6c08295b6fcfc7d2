"""The real command, watched from inside: the state of its workers and of Ray's own processes.

Run as a program: ``python -m tests.fakes.watched_search SECRETS RESULT VERB …``. SECRETS is a
file of lines to look for, RESULT one for where each was found, as JSON.
"""

import json
import os
import pickle  # noqa: TID251 - as Ray pickles what it sends
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from search.commands.app import main
from search.driver.driver import Ending
from search.driver.session import Session
from search.progress.progress import Progress
from search.records.confirmation import ConfirmationPlan
from search.workers.pool import Pool
from trainer.console.shell import Command

CHUNK = 1 << 24  # bytes of memory that are looked at together


class Watch:
    """Looks for secrets where they must not be."""

    def __init__(self, secrets: list[str]) -> None:
        self._secrets = {secret: secret.encode() for secret in secrets}
        self.found: dict[str, set[str]] = {secret: set() for secret in secrets}
        self.workers: set[int] = set()
        self.orders = 0
        self.memory_bytes = 0
        self.session: str | None = None

    def look(self, where: str, data: bytes) -> None:
        """Note which secrets are in the data."""
        for secret, encoded in self._secrets.items():
            if encoded in data:
                self.found[secret].add(where)

    def processes(self) -> None:
        """Look at the arguments of all processes, and the environments of those below this one."""
        below = set(descendants(os.getpid()))
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            pid, name = int(folder.name), readable(folder / "comm").decode().strip()
            arguments = readable(folder / "cmdline")
            self.look(f"arguments of {name}", arguments)
            self.look(f"title of {name}", name.encode())
            if pid in below:
                self.look(f"environment of {name}", readable(folder / "environ"))
            if pid in below and b"ray::" in arguments:
                self.workers.add(pid)

    def memories(self) -> None:
        """Look through the memory of all processes below this one."""
        for pid in descendants(os.getpid()):
            name = readable(Path(f"/proc/{pid}/comm")).decode().strip()
            for data in memory(pid):
                self.memory_bytes += len(data)
                self.look(f"memory of {name}", data)

    def ray(self) -> None:
        """Look at Ray's records of jobs, actors and nodes."""
        from ray._private import state, worker

        for what in (state.jobs, state.actors, state.nodes):
            self.look(f"Ray's {what.__name__}", repr(what()).encode())  # type: ignore[no-untyped-call]
        node: Any = worker._global_node
        self.session = node.get_session_dir_path()

    def to_json(self) -> dict[str, Any]:
        """The findings, and that there was something to look at."""
        return {
            "found": {secret: sorted(where) for secret, where in self.found.items()},
            "workers": len(self.workers),
            "orders": self.orders,
            "memory_bytes": self.memory_bytes,
            "session": self.session,
        }


class WatchedPool:
    """A pool that examines its orders."""

    def __init__(self, pool: Pool, watch: Watch) -> None:
        self._pool, self._watch = pool, watch
        watch.look("constructor arguments", pickle.dumps(pool._setup))  # type: ignore[attr-defined]

    def submit(self, worker: str, order: Any) -> None:
        """Pass an order on."""
        self._watch.orders += 1
        self._watch.look("orders", pickle.dumps(order))
        self._watch.processes()
        self._pool.submit(worker, order)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def run(secrets: Path, result: Path, arguments: list[str]) -> None:
    """Run the command and write down the findings."""
    watch = Watch(secrets.read_text().splitlines())
    real = Session.drive

    def drive(
        self: Session,
        pool: Pool,
        progress: Progress,
        plan: ConfirmationPlan | None = None,
        again: Command | None = None,
    ) -> Ending:
        assert ray.is_initialized()
        watch.ray()
        ending = real(self, WatchedPool(pool, watch), progress, plan, again)
        watch.ray()
        watch.processes()
        watch.memories()
        return ending

    Session.drive = drive  # type: ignore[method-assign]
    sys.argv = ["search", *arguments]
    try:
        main()
    finally:
        result.write_text(json.dumps(watch.to_json()))


def readable(path: Path) -> bytes:
    """The content, or nothing if the process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def parent_of(pid: int) -> int:
    status = readable(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return int(status[1]) if status else 0


def forbears(pid: int) -> Iterator[int]:
    while pid:
        yield pid
        pid = parent_of(pid)


def descendants(pid: int) -> list[int]:
    """All processes below a process."""
    all_of_them = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [each for each in all_of_them if each != pid and pid in set(forbears(each))]


def memory(pid: int) -> Iterator[bytes]:
    """The writable memory of a process."""
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as content:
            for line in readable(Path(f"/proc/{pid}/maps")).decode().splitlines():
                span, rights = line.split()[:2]
                if rights.startswith("rw"):
                    start, end = (int(part, 16) for part in span.split("-"))
                    yield from chunks(content, start, end)
    except OSError:
        return


def chunks(content: Any, start: int, end: int) -> Iterator[bytes]:
    for place in range(start, end, CHUNK):
        try:
            content.seek(place)
            yield content.read(min(CHUNK, end - place))
        except (OSError, ValueError, OverflowError):
            return  # such as the kernel's own pages


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
