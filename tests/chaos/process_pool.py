"""A pool of plain processes: what Ray's actors are to the driver, without Ray's start."""

from multiprocessing.connection import Connection, wait
from typing import Any

from search.records.messages import Lost, Order
from search.workers.pool import Answer
from tests.chaos.nursery import Nursery
from tests.chaos.worker_process import Given, worker_prefix

__all__ = ["ProcessPool"]


class ProcessPool:
    """Workers of a nursery; one that is gone is replaced by an empty one."""

    def __init__(self, nursery: Nursery, given: Given, *, count: int) -> None:
        self._nursery, self._given = nursery, given
        self._connections = {f"worker-{index}": self._start(f"{index}") for index in range(count)}
        self._busy: set[str] = set()
        self._lost: dict[str, Answer] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names."""
        return tuple(self._connections)

    def ready(self) -> tuple[str, ...]:
        """All of them: there always is room."""
        return self.names

    @property
    def outage(self) -> str | None:
        """There always are workers."""
        return None

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order."""
        assert worker not in self._busy, "the worker is not free"
        self._busy.add(worker)
        try:
            self._connections[worker].send(order)
        except OSError:
            self._lose(worker)

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have come within ``timeout`` seconds."""
        if self._lost:
            return [self._lost.popitem()[1]]
        if not self._busy:
            return []
        by_connection: dict[Any, str] = {self._connections[name]: name for name in self._busy}
        ready = wait(list(by_connection), timeout)
        return [self._hear(by_connection[connection]) for connection in ready[:1]]

    def replace(self, worker: str) -> None:
        """End the worker's process, whatever it does."""
        self._busy.discard(worker)
        self._lost.pop(worker, None)
        self._renew(worker)

    def iterations(self) -> dict[str, int]:
        """Nothing is heard between evaluations."""
        return dict.fromkeys(self._connections, 0)

    def _hear(self, worker: str) -> Answer:
        try:
            event = self._connections[worker].recv()
        except (EOFError, OSError):
            self._lose(worker)
            return self._lost.pop(worker)
        self._busy.remove(worker)
        return Answer(worker=worker, event=event)

    def _lose(self, worker: str) -> None:
        self._busy.remove(worker)
        self._renew(worker)
        self._lost[worker] = Answer(worker=worker, event=Lost(reason="its process is gone"))

    def _renew(self, worker: str) -> None:
        self._connections[worker].close()  # the worker reads its end, and ends
        self._connections[worker] = self._start(worker.removeprefix("worker-"))

    def _start(self, index: str) -> Connection:
        return self._nursery.start(worker_prefix(index), self._given)
