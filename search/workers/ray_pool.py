"""The worker processes of a search as Ray actors, each with one or more seats."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from search.errors import ClusterError, ClusterUnreachable, first_line
from search.records.messages import Event, Lost, Order, OutOfMemory
from search.workers.cluster import Cluster
from search.workers.connection import THREADS_VARIABLE
from search.workers.feature_delivery import with_local_feature_cache
from search.workers.feature_server import RemoteFeatureCache, serve_feature_cache
from search.workers.pool import Answer
from search.workers.seats import Seats
from search.workers.worker import Worker, WorkerSetup
from search.workers.worker_thread import WorkerThread
from storage.triggers import NO_TRIGGERS, Triggers

__all__ = ["RayPool"]

RETRY_SECONDS = 2.0  # between two tries to reconnect to a cluster
QUESTIONS = 2  # calls that a worker answers while it has an order for each slot


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
            setup: What each worker needs to know, with its number of slots.
            cluster: The connected cluster.
            count: Number of workers.
            gpu_share: GPUs per worker.
            patience: Seconds to wait for an unreachable cluster.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._setup, self._cluster, self._gpu_share = setup, cluster, gpu_share
        self._patience, self._clock, self._triggers = patience, clock, triggers
        self._seats = Seats(workers=count, slots=setup.slots)
        self._orders: dict[Any, str] = {}
        self._watches: dict[Any, str] = {}
        self._iterations = dict.fromkeys(self._seats.names, 0)
        self._outage: _Outage | None = None
        self._feature_cache: RemoteFeatureCache | None = None
        self._actors: dict[str, Any] = {}
        self._starting: dict[str, Any] = {}
        self._start_all()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the seats."""
        return self._seats.names

    @property
    def outage(self) -> str | None:
        """Why there are no workers now; None if there are."""
        if self._outage is None:
            return None
        return f"{self._outage.gone} (for {self._clock() - self._outage.since:.0f} s)"

    def ready(self) -> tuple[str, ...]:
        """The seats whose process has started and has opened its features.

        Raises:
            ClusterError: If one cannot start.
        """
        if self._starting and not self._cluster.gone:
            waited = list(self._starting.values())
            started, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
            for process in [name for name, ref in self._starting.items() if ref in started]:
                self._finish_start(process)
        up = self._actors.keys() - self._starting.keys()
        return tuple(seat for seat in self.names if self._seats.process(seat) in up)

    def submit(self, worker: str, order: Order) -> None:
        """Give a free seat an order."""
        self._seats.note_order(worker, order)
        actor, slot = self._actors[self._seats.process(worker)], self._seats.slot(worker)
        self._orders[actor.advance.remote(slot, order)] = worker

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
        """Iterations of each seat's run, as last reported; asks again without waiting."""
        if self._outage is not None or self._cluster.gone:
            return dict(self._iterations)
        if self._watches:
            ready, _ = ray.wait(list(self._watches), num_returns=len(self._watches), timeout=0)
            for reference in ready:
                self._note_iterations(reference)
        for process in set(self._actors) - set(self._watches.values()):
            self._watches[self._actors[process].iterations.remote()] = process
        return dict(self._iterations)

    def notices(self) -> list[str]:
        """Which processes got fewer slots since the last call."""
        return self._seats.notices()

    def replace(self, worker: str) -> tuple[str, ...]:
        """Kill the process of a seat and start a new one; returns its other busy seats."""
        process = self._seats.process(worker)
        others = [seat for seat in self._forget(process) if seat != worker]
        if self._outage is None and not self._cluster.check():
            self._seats.lose(process, (worker, *others), Lost(reason="it made no progress"))
            self._restart(process)
        return tuple(others)

    def _forget(self, process: str) -> list[str]:
        """Ignore what a process still answers; returns its busy seats."""
        busy = []
        for reference, seat in list(self._orders.items()):
            if self._seats.process(seat) == process:
                busy.append(self._orders.pop(reference))
        for reference in [key for key, name in self._watches.items() if name == process]:
            del self._watches[reference]
        return busy

    def _start_all(self) -> None:
        for process in self._seats.processes:
            self._start(process)

    def _start(self, process: str) -> None:
        actor: Any = ray.remote(_Actor)
        places, slots = self._cluster.places, len(self._seats.of(process))
        options: dict[str, Any] = {
            "scheduling_strategy": places and PlacementGroupSchedulingStrategy(places),
            "num_cpus": 1,
            "num_gpus": self._gpu_share,
            "max_restarts": 0,
            "max_concurrency": slots + QUESTIONS,
        }
        if places is not None:  # in our own Ray, every process has the variable already
            variables = {THREADS_VARIABLE: str(self._setup.threads)}
            options["runtime_env"] = {"env_vars": variables}
        if places is not None and self._feature_cache is None:  # other nodes may lack it
            self._feature_cache = RemoteFeatureCache(
                serve_feature_cache(Path(self._setup.feature_cache))
            )
        setup = dataclasses.replace(self._setup, slots=slots)
        self._actors[process] = actor.options(**options).remote(setup, self._feature_cache)
        self._starting[process] = self._actors[process].iterations.remote()  # once it has started
        self._iterations |= dict.fromkeys(self._seats.of(process), 0)

    def _finish_start(self, process: str) -> None:
        """Note that a process has started; restart it if it ended before."""
        try:
            ray.get(self._starting.pop(process))
        except RayError as error:
            _check_started(process, error)
            if not self._cluster.check():
                self._restart(process)
        else:
            self._cluster.note_processes()

    def _restart(self, process: str) -> None:
        """Kill a process, if it is there, and start a new one."""
        self._triggers.replacing(process)
        ray.kill(self._actors[process])
        self._start(process)

    def _answers(self, reference: Any) -> list[Answer]:
        """The result of an order: one answer, or the loss of its process or of all of them."""
        seat = self._orders[reference]
        process = self._seats.process(seat)
        event: Event
        try:
            event = ray.get(reference)
        except RayError as error:  # its process, its node or its memory is gone
            _check_started(process, error)
            event = _loss(error)
        if isinstance(event, OutOfMemory | Lost):
            if gone := self._cluster.check():
                return self._lose_all(gone)
            answers = self._seats.lose(process, self._forget(process), event)
            self._restart(process)
            return answers
        del self._orders[reference]
        self._seats.note_event(seat, event)
        return [Answer(worker=seat, event=event)]

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
                f"{outage.gone} and did not come back within {self._patience:.0f} s"
            )
        if now - outage.tried < RETRY_SECONDS:
            return
        if self._cluster.return_():
            self._start_all()
            self._outage = None
        outage.tried = self._clock()

    def _note_iterations(self, reference: Any) -> None:
        seats = self._seats.of(self._watches.pop(reference))
        try:
            self._iterations |= dict(zip(seats, ray.get(reference), strict=True))
        except RayError:
            self._iterations |= dict.fromkeys(seats, 0)


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
        local = setup
        if feature_cache is not None:
            local = with_local_feature_cache(setup, feature_cache)
        self._thread = WorkerThread(Worker(local))

    def advance(self, slot: int, order: Order) -> Event:
        return self._thread.advance(slot, order)

    def iterations(self) -> tuple[int, ...]:
        return self._thread.iterations()


def _check_started(worker: str, error: RayError) -> None:
    """Stop the search if a worker cannot start, which is not the fault of a trial."""
    if isinstance(error, ActorDiedError) and error.actor_init_failed:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ClusterError(f"{worker} cannot start: {lines[-1]}") from error


def _loss(error: RayError) -> Lost | OutOfMemory:
    if isinstance(error, OutOfMemoryError):  # Ray killed it before the machine ran out of memory
        return OutOfMemory(reason=f"{type(error).__name__}: {first_line(error)}", traceback="")
    if isinstance(
        error, RayTaskError
    ):  # not an error of a run, which is an event: the worker broke
        return Lost(reason=f"{type(error.cause).__name__}: {first_line(error.cause or error)}")
    return Lost(reason=first_line(error))
