"""A worker that serves one slot at a time, and works until that slot has an answer."""

from search.records.messages import Event, Order, Reported
from search.workers.worker import Worker, WorkerSetup

__all__ = ["HostedWorker"]


class HostedWorker:
    """A worker in this thread."""

    def __init__(self, setup: WorkerSetup) -> None:
        self.worker = Worker(setup)

    def answer(self, order: Order, slot: int = 0) -> Event:
        """The event that answers an order to a slot while all others are idle."""
        self.worker.take(slot, order)
        events: dict[int, Event] = {}
        while not events:
            events = self.worker.work()
        assert list(events) == [slot]
        return events[slot]

    def advance(self, order: Order, slot: int = 0) -> Reported:
        """The same, for an order that succeeds."""
        event = self.answer(order, slot)
        assert isinstance(event, Reported), event
        return event
