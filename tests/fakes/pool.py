"""Workers in the driver's own process, with crashes and losses on order."""

from collections import deque
from collections.abc import Callable

from search.messages import Begin, Continue, Crashed, Lost, Order, Reported
from search.pool import Answer
from tests.fakes.training import FakeWorker
from trainer.records import Scores

#: Decides before an order is carried out: None lets it pass.
Fault = Callable[[str, Order, FakeWorker], Crashed | Lost | None]


class InlinePool:
    """Carries out one order a look, the oldest first."""

    def __init__(self, count: int = 1, fault: Fault | None = None) -> None:
        self._workers = {f"worker-{index}": FakeWorker() for index in range(count)}
        self._orders: deque[tuple[str, Order]] = deque()
        self._fault = fault
        self.tested: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._workers)

    def submit(self, worker: str, order: Order) -> None:
        assert isinstance(order, Begin | Continue)
        assert all(worker != busy for busy, _ in self._orders), "the worker is not free"
        self._orders.append((worker, order))

    def wait(self, timeout: float) -> list[Answer]:
        del timeout
        if not self._orders:
            return []
        worker, order = self._orders.popleft()
        return [Answer(worker=worker, event=self._carry_out(worker, order))]

    def iterations(self) -> dict[str, int]:
        return dict.fromkeys(self._workers, 0)

    def test_scores(self, folder: str) -> tuple[Scores, Scores]:
        self.tested.append(folder)
        scores = Scores(miou=30.0, miou_all=30.0, accuracy=50.0)
        return scores, scores

    def _carry_out(self, worker: str, order: Order) -> Reported | Crashed | Lost:
        fault = self._fault(worker, order, self._workers[worker]) if self._fault else None
        if isinstance(fault, Lost):
            self._workers[worker] = FakeWorker()
        return fault or self._workers[worker].advance(order)
