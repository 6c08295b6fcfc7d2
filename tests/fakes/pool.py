"""Workers in the driver's own process, with crashes, losses and stalls that tests order."""

from collections import deque
from collections.abc import Callable

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.records.messages import Event, Lost, Order, OutOfMemory
from search.workers.failures import failure_event
from search.workers.picture_maker import PicturePlace
from search.workers.pool import Answer
from search.workers.seats import Seats
from tests.fakes.training import FakeWorker
from trainer.errors import CheckpointError


class Stall:
    """The worker takes the order, and stalls."""


#: Decides before an order is carried out: None lets it pass.
Fault = Callable[[str, Order, FakeWorker], Event | Stall | None]


class InlinePool:
    """Carries out one order per call of ``wait``, the oldest first."""

    def __init__(
        self,
        count: int = 1,
        fault: Fault | None = None,
        artifact_store: ArtifactCheckpointStore | None = None,
        slots: int = 1,
        pictures: PicturePlace | None = None,
    ) -> None:
        self._artifact_store, self._pictures = artifact_store, pictures
        self.seats = Seats(workers=count, slots=slots)
        self._trainers = {seat: FakeWorker(artifact_store, pictures) for seat in self.seats.names}
        self._orders: deque[tuple[str, Order]] = deque()
        self._fault = fault
        self._stalled: set[str] = set()
        self.replaced: list[str] = []
        self.absent: set[str] = set()
        self.outage: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.seats.names

    def ready(self) -> tuple[str, ...]:
        return tuple(worker for worker in self.names if worker not in self.absent)

    def submit(self, worker: str, order: Order) -> None:
        assert worker in self.names and worker not in self.absent, "there is no room for the seat"
        assert all(worker != busy for busy, _ in self._orders), "the seat is not free"
        self.seats.note_order(worker, order)
        self._orders.append((worker, order))

    def wait(self, timeout: float) -> list[Answer]:
        del timeout
        for worker, order in self._orders:
            if self.seats.process(worker) not in self._stalled:
                return self._carry_out(worker, order)
        return []

    def replace(self, worker: str) -> tuple[str, ...]:
        process = self.seats.process(worker)
        self.replaced.append(worker)
        self._stalled.discard(process)
        busy = self._forget(process)
        self.seats.lose(process, busy, Lost(reason="it stood still"))
        return tuple(seat for seat in busy if seat != worker)

    def lose_all(self, reason: str) -> list[Answer]:
        """The workers' cluster is lost: there is no worker until ``outage`` is None again."""
        self.outage = reason
        lost = Lost(reason=reason, with_cluster=True)
        answers = [Answer(worker=worker, event=lost) for worker, _ in self._orders]
        for process in self.seats.processes:
            self._forget(process)
        return answers

    def iterations(self) -> dict[str, int]:
        return dict.fromkeys(self.names, 0)

    def notices(self) -> list[str]:
        return self.seats.notices()

    def _forget(self, process: str) -> list[str]:
        """Empty every seat of a process; returns those that were busy."""
        busy = [seat for seat, _ in self._orders if self.seats.process(seat) == process]
        self._orders = deque(order for order in self._orders if order[0] not in busy)
        for seat in self.seats.of(process):
            self._trainers[seat] = FakeWorker(self._artifact_store, self._pictures)
        return busy

    def _carry_out(self, worker: str, order: Order) -> list[Answer]:
        process = self.seats.process(worker)
        fault = self._fault(worker, order, self._trainers[worker]) if self._fault else None
        if isinstance(fault, Stall):
            self._stalled.add(process)
            return []
        if isinstance(fault, Lost | OutOfMemory):
            return self.seats.lose(process, self._forget(process), fault)
        self._orders.remove((worker, order))
        event = fault or self._advance(worker, order)
        self.seats.note_event(worker, event)
        return [Answer(worker=worker, event=event)]

    def _advance(self, worker: str, order: Order) -> Event:
        try:
            return self._trainers[worker].answer(order)
        except CheckpointError as error:
            return failure_event(error)
