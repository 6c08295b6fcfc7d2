"""A worker in a thread of its own: each order waits for its own slot, and for no other."""

import queue
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from search.records.messages import Event, Order
from search.workers.worker import Worker

__all__ = ["WorkerThread"]


class WorkerThread:
    """Has a worker work while any of its slots has something to do."""

    def __init__(self, worker: Worker) -> None:
        """Start the thread; it ends with the process.

        Args:
            worker: The worker, which only the thread uses from now on.
        """
        self._worker = worker
        self._given: queue.SimpleQueue[tuple[int, Order, Future[Event]]] = queue.SimpleQueue()
        self._waiting: dict[int, Future[Event]] = {}
        #: Is done when the worker itself has broken.
        self._ended: Future[None] = Future()
        threading.Thread(target=self._run, name="worker", daemon=True).start()

    def advance(self, slot: int, order: Order) -> Event:
        """Give a free slot an order, and wait until something came of it.

        Raises:
            BaseException: Whatever broke the worker itself, no matter for which slot.
        """
        future: Future[Event] = Future()
        self._given.put((slot, order, future))
        either: list[Future[Any]] = [future, self._ended]
        wait(either, return_when=FIRST_COMPLETED)
        if not future.done():
            self._ended.result()
        return future.result()

    def iterations(self) -> tuple[int, ...]:
        """Iterations of each slot's present run; does not wait."""
        return self._worker.iterations()

    def _run(self) -> None:
        try:
            while True:
                self._take()
                for slot, event in self._worker.work().items():
                    self._waiting.pop(slot).set_result(event)
        except BaseException as error:
            self._ended.set_exception(error)
            raise

    def _take(self) -> None:
        """Take all orders that have come; wait for one if there is nothing to do."""
        while not (self._given.empty() and self._worker.busy):
            slot, order, future = self._given.get()
            self._waiting[slot] = future
            self._worker.take(slot, order)
