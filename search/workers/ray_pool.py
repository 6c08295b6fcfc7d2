"""The workers of a search as Ray actors; classifies crashes, lack of memory and lost workers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from search.errors import ClusterError, ClusterUnreachable, first_line
from search.records.messages import Crashed, Event, Lost, Order, OutOfMemory, Reported
from search.workers.cluster import Cluster
from search.workers.connection import THREADS_VARIABLE
from search.workers.feature_delivery import with_local_feature_cache
from search.workers.feature_server import RemoteFeatureCache, serve_feature_cache
from search.workers.pool import Answer
from search.workers.worker import Worker, WorkerSetup
from storage.triggers import NO_TRIGGERS, Triggers

__all__ = ["RayPool"]

RETRY_SECONDS = 2.0  # between two tries to reconnect to a cluster
#: Messages of RuntimeErrors that mean a lack of memory.
NO_MEMORY = ("out of memory", "can't allocate memory")


class RayPool:
    """Workers as Ray actors, each with one core and its share of a GPU."""

    def __init__(
        self,
        setup: WorkerSetup,
        cluster: Cluster,
        *,
        count: int,
        gpu_share: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        """Start the workers.

        Args:
            setup: What each worker needs to know.
            cluster: The connected cluster.
            count: Number of workers.
            gpu_share: GPUs per worker.
            patience: Seconds to wait for an unreachable cluster.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._setup, self._cluster, self._gpu_share = setup, cluster, gpu_share
        self._patience, self._clock, self._triggers = patience, clock, triggers
        self._names = tuple(f"worker-{index}" for index in range(count))
        self._orders: dict[Any, str] = {}
        self._watches: dict[Any, str] = {}
        self._iterations = dict.fromkeys(self._names, 0)
        self._outage: _Outage | None = None
        self._feature_cache: RemoteFeatureCache | None = None
        self._actors: dict[str, Any] = {}
        self._starting: dict[str, Any] = {}
        self._start_all()

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names."""
        return self._names

    @property
    def outage(self) -> str | None:
        """Why there are no workers now; None if there are."""
        if self._outage is None:
            return None
        return f"{self._outage.gone} (for {self._clock() - self._outage.since:.0f} s)"

    def ready(self) -> tuple[str, ...]:
        """The workers whose process has started and has opened its features.

        Raises:
            ClusterError: If one cannot start.
        """
        if self._starting and not self._cluster.gone:
            waited = list(self._starting.values())
            started, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
            for worker in [name for name, ref in self._starting.items() if ref in started]:
                self._finish_start(worker)
        return tuple(name for name in self._actors if name not in self._starting)

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order."""
        self._orders[self._actors[worker].advance.remote(order)] = worker

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have arrived within ``timeout`` seconds.

        Raises:
            ClusterUnreachable: If the cluster was unreachable for too long.
        """
        if self._outage is not None:
            self._come_back(self._outage)
            return []
        if gone := self._cluster.gone:
            return self._lose_all(gone)
        if not self._orders:
            return []
        ready, _ = ray.wait(list(self._orders), num_returns=1, timeout=timeout)
        return [answer for reference in ready for answer in self._answers(reference)]

    def iterations(self) -> dict[str, int]:
        """Iterations of each worker's run, as last reported; asks again without waiting."""
        if self._outage is not None or self._cluster.gone:
            return dict(self._iterations)
        if self._watches:
            ready, _ = ray.wait(list(self._watches), num_returns=len(self._watches), timeout=0)
            for reference in ready:
                self._note_iterations(reference)
        for worker in set(self._actors) - set(self._watches.values()):
            self._watches[self._actors[worker].iteration.remote()] = worker
        return dict(self._iterations)

    def replace(self, worker: str) -> None:
        """Kill the worker's process and start a new one; its order gets no answer."""
        for references in (self._orders, self._watches):
            for reference in [key for key, name in references.items() if name == worker]:
                del references[reference]
        if self._outage is None and not self._cluster.check():
            self._restart(worker)

    def _start_all(self) -> None:
        for worker in self._names:
            self._start(worker)

    def _start(self, worker: str) -> None:
        actor: Any = ray.remote(_Actor)
        places = self._cluster.places
        options: dict[str, Any] = {
            "scheduling_strategy": places and PlacementGroupSchedulingStrategy(places),
            "num_cpus": 1,
            "num_gpus": self._gpu_share,
            "max_restarts": 0,
            "max_concurrency": 2,  # one thread trains while the other answers questions
        }
        if places is not None:  # in our own Ray, every process has the variable already
            variables = {THREADS_VARIABLE: str(self._setup.threads)}
            options["runtime_env"] = {"env_vars": variables}
        if places is not None and self._feature_cache is None:  # other nodes may lack it
            self._feature_cache = RemoteFeatureCache(
                serve_feature_cache(Path(self._setup.feature_cache))
            )
        self._actors[worker] = actor.options(**options).remote(self._setup, self._feature_cache)
        self._starting[worker] = self._actors[
            worker
        ].iteration.remote()  # answers once it has started
        self._iterations[worker] = 0

    def _finish_start(self, worker: str) -> None:
        """Note that a worker has started; restart it if its process ended before."""
        try:
            ray.get(self._starting.pop(worker))
        except RayError as error:
            _check_started(worker, error)
            if not self._cluster.check():
                self._restart(worker)
        else:
            self._cluster.note_processes()

    def _restart(self, worker: str) -> None:
        """Kill the worker's process, if there is one, and start a new one."""
        self._triggers.replacing(worker)
        ray.kill(self._actors[worker])
        self._start(worker)

    def _answers(self, reference: Any) -> list[Answer]:
        """The result of an order: one answer, or the loss of all workers."""
        worker = self._orders[reference]
        event: Event
        try:
            event = ray.get(reference)
        except RayTaskError as error:
            event = _crash(error)
        except RayError as error:  # its process, its node or its memory is gone
            _check_started(worker, error)
            event = _loss(error)
        if isinstance(event, OutOfMemory | Lost):
            if gone := self._cluster.check():
                return self._lose_all(gone)
            self._restart(worker)
        del self._orders[reference]
        return [Answer(worker=worker, event=event)]

    def _lose_all(self, gone: str) -> list[Answer]:
        """Disconnect from an unreachable cluster; every busy worker answers ``Lost``."""
        lost = Lost(reason=gone, with_cluster=True)
        answers = [Answer(worker=worker, event=lost) for worker in self._orders.values()]
        self._outage = _Outage(gone=gone, since=self._clock(), tried=self._clock())
        for references in (self._orders, self._watches, self._starting, self._actors):
            references.clear()  # before disconnecting: references notify Ray when deleted
        self._feature_cache = None
        self._cluster.leave()
        return answers

    def _come_back(self, outage: "_Outage") -> None:
        """Try to reconnect every two seconds, until the patience runs out."""
        now = self._clock()
        if now - outage.since > self._patience:
            raise ClusterUnreachable(
                f"{outage.gone} and did not come back within {self._patience:.0f} s:"
                " `python -m search resume` continues"
            )
        if now - outage.tried < RETRY_SECONDS:
            return
        if self._cluster.return_():
            self._start_all()
            self._outage = None
        outage.tried = self._clock()

    def _note_iterations(self, reference: Any) -> None:
        worker = self._watches.pop(reference)
        try:
            self._iterations[worker] = ray.get(reference)
        except RayError:
            self._iterations[worker] = 0


@dataclass(kw_only=True)
class _Outage:
    """An outage of the cluster."""

    #: Which part of it does not answer.
    gone: str
    #: When the outage was noticed, in monotonic seconds.
    since: float
    #: When reconnecting was last tried, in monotonic seconds.
    tried: float


class _Actor:
    """A worker as a Ray actor."""

    def __init__(self, setup: WorkerSetup, feature_cache: RemoteFeatureCache | None) -> None:
        self._worker = Worker(
            setup if feature_cache is None else with_local_feature_cache(setup, feature_cache)
        )

    def advance(self, order: Order) -> Reported:
        return self._worker.advance(order)

    def iteration(self) -> int:
        return self._worker.iteration()


def _check_started(worker: str, error: RayError) -> None:
    """Stop the search if a worker cannot start, which is not the fault of a trial."""
    if isinstance(error, ActorDiedError) and error.actor_init_failed:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ClusterError(f"{worker} cannot start: {lines[-1]}") from error


def _crash(error: RayTaskError) -> Crashed | OutOfMemory:
    cause = error.cause
    kind = type(cause).__name__ if cause is not None else type(error).__name__
    reason = f"{kind}: {first_line(cause or error)}"
    event = OutOfMemory if _lacks_memory(cause or error) else Crashed
    return event(reason=reason, traceback=str(error.traceback_str))


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)


def _loss(error: RayError) -> Lost | OutOfMemory:
    if isinstance(error, OutOfMemoryError):  # Ray killed it before the machine ran out of memory
        return OutOfMemory(reason=f"{type(error).__name__}: {first_line(error)}", traceback="")
    return Lost(reason=first_line(error))
