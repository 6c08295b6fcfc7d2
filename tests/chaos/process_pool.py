"""A pool of plain processes, which take the place of Ray's actors and start faster."""

import dataclasses
from multiprocessing.connection import Connection, wait
from typing import Any

from search.records.messages import Lost, Order
from search.workers.pool import Answer
from search.workers.seats import Seats
from tests.chaos.worker_forker import WorkerForker
from tests.chaos.worker_process import WorkerOptions, worker_prefix

__all__ = ["ProcessPool"]


class ProcessPool:
    """Workers of a forker; a dead one is replaced by an idle one."""

    def __init__(self, forker: WorkerForker, given: WorkerOptions, *, count: int) -> None:
        self._forker, self._given = forker, given
        self._seats = Seats(workers=count, slots=given.slots)
        self._connections = {name: self._start(name) for name in self._seats.processes}
        self._busy: set[str] = set()
        self._lost: list[Answer] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the seats."""
        return self._seats.names

    def ready(self) -> tuple[str, ...]:
        """All of them: there is always room."""
        return self.names

    @property
    def outage(self) -> str | None:
        """None: there are always workers."""
        return None

    def submit(self, worker: str, order: Order) -> None:
        """Give a free seat an order."""
        assert worker not in self._busy, "the seat is not free"
        self._busy.add(worker)
        self._seats.note_order(worker, order)
        process = self._seats.process(worker)
        try:
            self._connections[process].send((self._seats.slot(worker), order))
        except OSError:
            self._lose(process)

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have come within ``timeout`` seconds."""
        if not self._lost and self._busy:
            at_work = {self._seats.process(seat) for seat in self._busy}
            by_connection: dict[Any, str] = {self._connections[name]: name for name in at_work}
            ready = wait(list(by_connection), timeout)
            return [self._hear(by_connection[connection]) for connection in ready[:1]]
        return [self._lost.pop(0)] if self._lost else []

    def replace(self, worker: str) -> tuple[str, ...]:
        """End the process of a seat, whatever it does."""
        process = self._seats.process(worker)
        busy = self._forget(process)
        self._lost = [answer for answer in self._lost if answer.worker != worker]
        self._seats.lose(process, busy, Lost(reason="it stood still"))
        self._renew(process)
        return tuple(seat for seat in busy if seat != worker)

    def iterations(self) -> dict[str, int]:
        """Nothing is heard between evaluations."""
        return dict.fromkeys(self.names, 0)

    def notices(self) -> list[str]:
        """Which processes have fewer slots, since the last call."""
        return self._seats.notices()

    def _hear(self, process: str) -> Answer:
        try:
            slot, event = self._connections[process].recv()
        except (EOFError, OSError):
            self._lose(process)
            return self._lost.pop(0)
        seat = self._seats.of(process)[slot]
        self._busy.remove(seat)
        self._seats.note_event(seat, event)
        return Answer(worker=seat, event=event)

    def _forget(self, process: str) -> list[str]:
        """The busy seats of a process, which become idle."""
        busy = [seat for seat in self._seats.of(process) if seat in self._busy]
        self._busy -= set(busy)
        return busy

    def _lose(self, process: str) -> None:
        lost = Lost(reason="its process is gone")
        self._lost += self._seats.lose(process, self._forget(process), lost)
        self._renew(process)

    def _renew(self, process: str) -> None:
        self._connections[process].close()  # the worker reads its end, and ends
        self._connections[process] = self._start(process)

    def _start(self, process: str) -> Connection:
        given = dataclasses.replace(self._given, slots=len(self._seats.of(process)))
        return self._forker.start(worker_prefix(process.removeprefix("worker-")), given)
