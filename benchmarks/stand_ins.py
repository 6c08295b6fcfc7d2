"""Workers that cost nothing, by the hundred: they answer on a clock of their own.

A seat that is given an order answers when its evaluation would be over, whatever the driver does
meanwhile. How much later the driver hears of it, and gives the next order, is noted.
"""

import dataclasses
import heapq
import time
from functools import cache

from search.records.jobs import Job
from search.records.messages import Begin, DrawPictures, Order, PicturesDrawn, Reported, Task
from search.workers.pool import Answer
from tests.fakes.training import fake_report
from trainer.records import Report
from trainer.seeds import numpy_generator

__all__ = ["StandInPool"]

CURVES = 64  # different learning curves
PICTURES = 0.1  # of the seconds between two reports, for the pictures of a trial
JITTER = 0.2  # of the seconds between two reports, either way; and of a seat's speed


@cache
def _report(curve: int, evaluation: int) -> Report:
    level = {f"knob_{index}": 0.2 + 0.6 * curve / CURVES for index in range(6)}
    return fake_report({**level, "b_self": 0.5}, curve, evaluation)


@dataclasses.dataclass(kw_only=True)
class _Seat:
    """What a seat does."""

    #: How fast it is, against the average.
    speed: float
    task: Task | None = None
    evaluation: int = 0
    #: Whether its last order was to draw pictures.
    draws: bool = False
    #: When its last answer was due.
    due: float = 0.0


class StandInPool:
    """Seats that report at a rate."""

    outage: str | None = None

    def __init__(self, seats: int, rate: float) -> None:
        """Give the seats names; none has an order yet.

        Args:
            seats: How many.
            rate: Reports per second of all of them together.
        """
        self._rng = numpy_generator(0, "stand-ins")
        self._seats = {
            f"node-{index // 8}/{index % 8}": _Seat(speed=self._about_one())
            for index in range(seats)
        }
        self.names = tuple(self._seats)
        self.rate = rate
        #: Seconds that the driver heard of a report after it was due.
        self.lateness: list[float] = []
        #: Seconds that a seat had nothing to do: from its answer to the next order.
        self.idle: list[float] = []
        self._due: list[tuple[float, str]] = []

    def ready(self) -> tuple[str, ...]:
        """All of them."""
        return self.names

    def submit(self, worker: str, order: Order) -> None:
        """Have the seat answer in a while; the first time, at any moment of its interval."""
        seat, now = self._seats[worker], time.monotonic()
        first = seat.due == 0.0
        if not first:
            self.idle.append(now - seat.due)
        if isinstance(order, Begin):
            seat.task, seat.evaluation = order.task, 0
        seat.draws = isinstance(order, DrawPictures)
        seat.evaluation += not seat.draws
        share = self._rng.random() if first else self._about_one()
        share *= PICTURES if seat.draws else 1.0
        seat.due = now + share / seat.speed * len(self._seats) / self.rate
        heapq.heappush(self._due, (seat.due, worker))

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that are due, waiting for the first."""
        now = time.monotonic()
        first = self._due[0][0] if self._due else now + timeout
        if first > now:
            time.sleep(min(first - now, timeout))
            now = time.monotonic()
        answers = []
        while self._due and self._due[0][0] <= now:
            due, worker = heapq.heappop(self._due)
            event = self._answer(self._seats[worker])
            if isinstance(event, Reported):
                self.lateness.append(now - due)
            answers.append(Answer(worker=worker, event=event))
        return answers

    def replace(self, worker: str) -> tuple[str, ...]:
        """No worker of these stalls."""
        raise AssertionError(f"{worker} was replaced")

    def iterations(self) -> dict[str, int]:
        """Iterations of each seat's run."""
        return {name: 10 * seat.evaluation for name, seat in self._seats.items()}

    def notices(self) -> list[str]:
        """None: nothing happens to these workers."""
        return []

    def take_notes(self) -> tuple[list[float], list[float]]:
        """Lateness and idle seconds since the last call."""
        notes = self.lateness, self.idle
        self.lateness, self.idle = [], []
        return notes

    def _about_one(self) -> float:
        return 1 + JITTER * (2 * float(self._rng.random()) - 1)

    @staticmethod
    def _answer(seat: _Seat) -> Reported | PicturesDrawn:
        if seat.draws:
            return PicturesDrawn(pictures=())
        assert seat.task is not None
        job: Job = seat.task.job
        report = _report(job.trial * 29 % CURVES, seat.evaluation)
        return Reported(job=job, attempt=seat.task.attempt, reports=(report,))
