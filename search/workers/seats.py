"""The seats of a pool, one per slot of each worker process, and the loss of a process.

If several jobs were on a lost process, nobody knows which of them caused the loss, so it counts
against none. A process that is too short of memory for its jobs gets half of its slots, and so
does one that is lost with a job that was lost several times in a row without an evaluation. In the
end, a job that kills its process is alone there, and the loss counts against it.
"""

from collections import Counter
from collections.abc import Collection

from search.records.jobs import Job
from search.records.messages import Begin, Event, Lost, Order, OutOfMemory, Reported
from search.workers.pool import Answer

__all__ = ["Seats"]

MOST_LOSSES = 3  # of a job in a row without an evaluation, until its process gets fewer slots


class Seats:
    """The seats, by process."""

    def __init__(self, *, workers: int, slots: int) -> None:
        """Name the seats.

        Args:
            workers: Number of worker processes.
            slots: Slots of each process; a single one is named like its process.
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
        #: Reports until the job of a seat has made an evaluation there.
        self._awaited: dict[str, int] = {}
        self._losses: Counter[Job] = Counter()
        self._notices: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all seats."""
        return tuple(seat for seats in self._seats.values() for seat in seats)

    @property
    def processes(self) -> tuple[str, ...]:
        """The worker processes."""
        return tuple(self._seats)

    def process(self, seat: str) -> str:
        """The process of a seat."""
        return self._places[seat][0]

    def slot(self, seat: str) -> int:
        """The slot of a seat in its process."""
        return self._places[seat][1]

    def of(self, process: str) -> tuple[str, ...]:
        """The seats of a process, by slot."""
        return self._seats[process]

    def notices(self) -> list[str]:
        """Messages for the user since the last call, one line each."""
        notices, self._notices = self._notices, []
        return notices

    def note_order(self, seat: str, order: Order) -> None:
        """Note that a seat was given an order."""
        if isinstance(order, Begin):
            resumes = bool(order.task.earlier or order.task.stored)
            self._begun[seat] = order.task.job
            self._awaited[seat] = 1 + resumes  # the first report may be the checkpoint's

    def note_event(self, seat: str, event: Event) -> None:
        """Note the result of an order."""
        if isinstance(event, Reported):
            self._awaited[seat] -= 1
            if self._awaited[seat] == 0:
                self._losses.pop(self._begun[seat], None)

    def lose(self, process: str, busy: Collection[str], event: Lost | OutOfMemory) -> list[Answer]:
        """The answers of the busy seats of a lost process, which may get fewer seats.

        Args:
            process: The process that died or ran out of memory.
            busy: Its seats that had an order.
            event: How it was lost.
        """
        if len(busy) > 1:
            if isinstance(event, OutOfMemory):
                self._lower(process, f"ran out of memory ({event.reason})")
            elif self._lost_again(busy):
                self._lower(process, "was lost again")
            event = Lost(reason=event.reason, shared=True)
        return [Answer(worker=seat, event=event) for seat in busy]

    def _lost_again(self, busy: Collection[str]) -> bool:
        """Count the loss; return whether a job was lost too often without an evaluation."""
        silent = [self._begun[seat] for seat in busy if self._awaited[seat] > 0]
        self._losses.update(silent)
        return any(self._losses[job] >= MOST_LOSSES for job in silent)

    def _lower(self, process: str, why: str) -> None:
        """Halve the slots of a process."""
        before = len(self._seats[process])
        after = max(1, before // 2)
        self._seats[process] = self._seats[process][:after]
        self._notices.append(
            f"{process} {why} with {before} slots and restarts with {after}: its trials resume"
            " from their checkpoints"
        )
