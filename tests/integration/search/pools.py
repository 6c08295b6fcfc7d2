"""Every pool of workers behind one interface, for the contract tests.

A new pool is one function here and one line in ``OPENERS``.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from search.machine.resources import Machine
from search.records.messages import Lost, Order
from search.workers.pool import Pool
from tests.chaos.process_pool import ProcessPool
from tests.chaos.worker_forker import WorkerForker
from tests.chaos.worker_process import WorkerOptions, serve, worker_prefix
from tests.fakes.pool import InlinePool, Stall
from tests.fakes.training import FakeWorker
from tests.tiny import TINY
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record
from trainer.features import prepare

__all__ = ["OPENERS", "WORKERS", "OpenPool"]

#: Workers of each pool.
WORKERS = 2


class OpenPool(Protocol):
    """A pool, and faults of its workers."""

    pool: Pool

    def freeze(self, worker: str) -> None:
        """The worker takes orders from now on, but carries none out."""

    def kill(self, worker: str) -> None:
        """The worker's process ends."""


Opener = Callable[[Path], AbstractContextManager[OpenPool]]


class _InProcess:
    """The pool that tests of the driver use; its faults come with the next order."""

    def __init__(self) -> None:
        self._frozen: set[str] = set()
        self._killed: set[str] = set()
        self.pool: Pool = InlinePool(WORKERS, self._fault)

    def freeze(self, worker: str) -> None:
        self._frozen.add(worker)

    def kill(self, worker: str) -> None:
        self._frozen.discard(worker)
        self._killed.add(worker)

    def _fault(self, worker: str, order: Order, hosted: FakeWorker) -> Lost | Stall | None:
        if worker in self._killed:
            self._killed.remove(worker)
            return Lost(reason="killed")
        if worker in self._frozen:
            self._frozen.remove(worker)
            return Stall()
        return None


class _Processes:
    """A pool whose workers are processes: faults are signals."""

    def __init__(self, pool: Pool, pid_of: Callable[[str], int]) -> None:
        self.pool, self._pid_of = pool, pid_of
        self._frozen: dict[str, int] = {}  # these no longer print their number

    def freeze(self, worker: str) -> None:
        self._frozen[worker] = self._pid_of(worker)
        os.kill(self._frozen[worker], signal.SIGSTOP)

    def kill(self, worker: str) -> None:
        os.kill(self._frozen.pop(worker, 0) or self._pid_of(worker), signal.SIGKILL)


@contextlib.contextmanager
def _open_in_process(folder: Path) -> Iterator[OpenPool]:
    yield _InProcess()


@contextlib.contextmanager
def _open_forked(folder: Path) -> Iterator[OpenPool]:
    """The pool of the chaos suite."""
    forker = WorkerForker(serve)
    try:
        pool = ProcessPool(forker, WorkerOptions(setup=None, folder=folder), count=WORKERS)
        yield _Processes(pool, lambda worker: _forked_pid(forker, worker))
    finally:
        forker.close()


def _forked_pid(forker: WorkerForker, worker: str) -> int:
    """The newest process of that name among the forker's children."""
    title = worker_prefix(worker.removeprefix("worker-"))
    found: list[int] = []
    while not found:  # it names itself after it was forked
        children = Path(f"/proc/{forker.pid}/task/{forker.pid}/children").read_text().split()
        found = [int(pid) for pid in children if _title(pid) == title]
    return max(found)


def _title(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""  # it has ended


@contextlib.contextmanager
def _open_ray(folder: Path) -> Iterator[OpenPool]:
    """The pool of users, with the real trainer."""
    import ray  # takes seconds, and only this pool needs it

    from search.workers.cluster import ray_cluster
    from search.workers.ray_pool import RayPool
    from search.workers.worker import WorkerSetup

    config = build_record(TrainConfig, TINY)
    features = prepare(config, cache=folder / "cache")
    setup = WorkerSetup(config=config, feature_cache=str(features.folder), device="cpu")
    with ray_cluster(Machine(device="cpu", workers=WORKERS)) as cluster:
        pool = RayPool(setup, cluster, count=WORKERS, gpu_share=0.0, patience=60.0)

        def pid_of(worker: str) -> int:
            actor: Any = pool._actors[worker]
            return int(ray.get(actor.__ray_call__.remote(lambda self: os.getpid())))

        yield _Processes(pool, pid_of)


OPENERS: dict[str, Opener] = {
    "in-process": _open_in_process,
    "forked": _open_forked,
    "ray": _open_ray,
}
