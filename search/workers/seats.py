"""The seats of a pool: one per slot of every worker process, and what becomes of them.

The driver knows seats only. A process that is lost loses all of its seats. Nobody knows then which
of the jobs on them is to blame, so none is, as long as there are several. A process that lacks
memory for all of its slots gets half of them, and so does one that is lost together with a job
that has gone from loss to loss without an evaluation. In the end a job that ends its process is
alone there, and to blame.
"""

from collections import Counter
from collections.abc import Collection

from search.records.jobs import Job
from search.records.messages import Begin, Event, Lost, Order, OutOfMemory, Reported
from search.workers.pool import Answer

__all__ = ["Seats"]

MOST_LOSSES = 3  # of a job in a row without an evaluation, before a process gets fewer slots


class Seats:
    """Which seats there are, by process."""

    def __init__(self, *, workers: int, slots: int) -> None:
        """All of them.

        Args:
            workers: Worker processes.
            slots: Slots of each; with one, a seat is named like its process.
        """
        self._seats = {
            process: (process,)
            if slots == 1
            else tuple(f"{process}/{slot}" for slot in range(slots))
            for process in (f"worker-{index}" for index in range(workers))
        }
        self._places = {
            seat: (process, slot)
            for process, seats in self._seats.items()
            for slot, seat in enumerate(seats)
        }
        self._begun: dict[str, Job] = {}
        #: Reports that a job still has to make before it has done anything in its process.
        self._awaited: dict[str, int] = {}
        self._losses: Counter[Job] = Counter()
        self._notices: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The seats that there are."""
        return tuple(seat for seats in self._seats.values() for seat in seats)

    @property
    def processes(self) -> tuple[str, ...]:
        """The worker processes."""
        return tuple(self._seats)

    def process(self, seat: str) -> str:
        """The process that a seat is in."""
        return self._places[seat][0]

    def slot(self, seat: str) -> int:
        """The slot of its process that a seat is."""
        return self._places[seat][1]

    def of(self, process: str) -> tuple[str, ...]:
        """The seats in a process, by slot."""
        return self._seats[process]

    def notices(self) -> list[str]:
        """What the user should know, a line each, since the last call."""
        notices, self._notices = self._notices, []
        return notices

    def note_order(self, seat: str, order: Order) -> None:
        """Take note of an order."""
        if isinstance(order, Begin):
            resumes = bool(order.task.earlier or order.task.stored)
            self._begun[seat] = order.task.job
            self._awaited[seat] = 1 + resumes  # the first report may be the checkpoint's

    def note_event(self, seat: str, event: Event) -> None:
        """Take note of an answer."""
        if isinstance(event, Reported):
            self._awaited[seat] -= 1
            if self._awaited[seat] == 0:
                self._losses.pop(self._begun[seat], None)

    def lose(self, process: str, busy: Collection[str], event: Lost | OutOfMemory) -> list[Answer]:
        """What is answered for the busy seats of a process that is gone.

        The process may have fewer seats from then on.
        """
        if len(busy) > 1:
            if isinstance(event, OutOfMemory):
                self._lower(process, f"ran out of memory ({event.reason})")
            elif self._lost_again(busy):
                self._lower(process, "was lost again")
            event = Lost(reason=event.reason, shared=True)
        return [Answer(worker=seat, event=event) for seat in busy]

    def _lost_again(self, busy: Collection[str]) -> bool:
        """Count the loss; whether one of the jobs has gone from loss to loss."""
        silent = [self._begun[seat] for seat in busy if self._awaited[seat] > 0]
        self._losses.update(silent)
        return any(self._losses[job] >= MOST_LOSSES for job in silent)

    def _lower(self, process: str, why: str) -> None:
        """Halve the slots of a process."""
        before = len(self._seats[process])
        after = max(1, before // 2)
        self._seats[process] = self._seats[process][:after]
        self._notices.append(
            f"{process} {why} with {before} slots and gets {after}: its trials resume from their"
            " checkpoints"
        )
