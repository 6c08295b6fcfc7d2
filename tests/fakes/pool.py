"""Workers in the driver's own process, with crashes, losses and stand-stills on order."""

from collections import deque
from collections.abc import Callable

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.records.messages import Begin, Continue, Event, Lost, Order, OutOfMemory
from search.workers.pool import Answer
from tests.fakes.training import FakeWorker


class Stall:
    """The worker takes the order, and stands still."""


#: Decides before an order is carried out: None lets it pass.
Fault = Callable[[str, Order, FakeWorker], Event | Stall | None]


class InlinePool:
    """Carries out one order a look, the oldest first."""

    def __init__(
        self,
        count: int = 1,
        fault: Fault | None = None,
        artifact_store: ArtifactCheckpointStore | None = None,
    ) -> None:
        self._artifact_store = artifact_store
        self._workers = {f"worker-{index}": FakeWorker(artifact_store) for index in range(count)}
        self._orders: deque[tuple[str, Order]] = deque()
        self._fault = fault
        self._stalled: set[str] = set()
        self.replaced: list[str] = []
        self.absent: set[str] = set()
        self.outage: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._workers)

    def ready(self) -> tuple[str, ...]:
        return tuple(worker for worker in self._workers if worker not in self.absent)

    def submit(self, worker: str, order: Order) -> None:
        assert worker not in self.absent, "there is no room for the worker"
        assert isinstance(order, Begin | Continue)
        assert all(worker != busy for busy, _ in self._orders), "the worker is not free"
        self._orders.append((worker, order))

    def wait(self, timeout: float) -> list[Answer]:
        del timeout
        if not self._orders:
            return []
        worker, order = self._orders.popleft()
        event = self._carry_out(worker, order)
        return [] if event is None else [Answer(worker=worker, event=event)]

    def replace(self, worker: str) -> None:
        self._stalled.discard(worker)
        self._workers[worker] = FakeWorker(self._artifact_store)
        self.replaced.append(worker)

    def lose_all(self, reason: str) -> list[Answer]:
        """The workers' cluster goes: no worker is left until ``outage`` is None again."""
        self.outage = reason
        lost = Lost(reason=reason, with_cluster=True)
        answers = [Answer(worker=worker, event=lost) for worker, _ in self._orders]
        self._orders.clear()
        self._workers = {worker: FakeWorker(self._artifact_store) for worker in self._workers}
        return answers

    def iterations(self) -> dict[str, int]:
        return dict.fromkeys(self._workers, 0)

    def _carry_out(self, worker: str, order: Order) -> Event | None:
        assert worker not in self._stalled, "a worker that stands still takes no order"
        fault = self._fault(worker, order, self._workers[worker]) if self._fault else None
        if isinstance(fault, Stall):
            self._stalled.add(worker)
            return None
        if isinstance(fault, Lost | OutOfMemory):
            self._workers[worker] = FakeWorker(self._artifact_store)
        return fault or self._workers[worker].advance(order)
