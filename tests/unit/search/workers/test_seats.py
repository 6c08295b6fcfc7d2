"""Which seats share a process, which job its loss counts against, and when it gets fewer slots."""

from collections.abc import Sequence

import pytest

from search.records.jobs import Job
from search.records.messages import (
    Begin,
    Continue,
    Event,
    Lost,
    OutOfMemory,
    Reported,
    Task,
)
from search.workers.seats import MOST_LOSSES, Seats

LOST = Lost(reason="its process is gone")
NO_MEMORY = OutOfMemory(reason="OutOfMemoryError: 80 GiB", traceback="")


def begin(seats: Seats, seat: str, trial: int, *, earlier: Sequence[str] = ()) -> None:
    task = Task(
        job=Job("trial", trial), attempt=1, params={}, seed=1, folder="f", earlier=tuple(earlier)
    )
    seats.note_order(seat, Begin(task=task))


def report(seats: Seats, seat: str, trial: int) -> None:
    seats.note_event(seat, Reported(job=Job("trial", trial), attempt=1, reports=()))


def lose(seats: Seats, *busy: str, event: Lost | OutOfMemory = LOST) -> list[Event]:
    answers = seats.lose(seats.process(busy[0]), busy, event)
    assert [answer.worker for answer in answers] == list(busy)
    return [answer.event for answer in answers]


def test_a_worker_with_one_slot_is_one_seat_of_the_same_name() -> None:
    seats = Seats(workers=2, slots=1)
    assert seats.names == ("worker-0", "worker-1") == seats.processes
    assert seats.process("worker-1") == "worker-1" and seats.slot("worker-1") == 0


def test_seats_are_named_by_process_and_slot() -> None:
    seats = Seats(workers=2, slots=2)
    assert seats.names == ("worker-0/0", "worker-0/1", "worker-1/0", "worker-1/1")
    assert seats.process("worker-1/1") == "worker-1" and seats.slot("worker-1/1") == 1
    assert seats.of("worker-0") == ("worker-0/0", "worker-0/1")


@pytest.mark.parametrize("event", [LOST, NO_MEMORY])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_loss_counts_against_a_job_that_is_alone_in_its_process(
    event: Lost | OutOfMemory, slots: int
) -> None:
    seats = Seats(workers=1, slots=slots)
    begin(seats, seats.names[0], 5)
    assert lose(seats, seats.names[0], event=event) == [event]
    assert len(seats.names) == slots and seats.notices() == []


def test_jobs_that_share_a_process_are_lost_together_and_none_is_to_blame() -> None:
    seats = Seats(workers=1, slots=3)
    for trial, seat in enumerate(seats.names[:2]):
        begin(seats, seat, trial)
    shared = Lost(reason=LOST.reason, shared=True)
    assert lose(seats, *seats.names[:2]) == [shared, shared]
    assert len(seats.names) == 3 and seats.notices() == []


def test_too_little_memory_halves_the_slots_of_that_process_and_says_so() -> None:
    seats = Seats(workers=2, slots=5)
    for trial, seat in enumerate(seats.of("worker-1")):
        begin(seats, seat, trial)
    events = lose(seats, *seats.of("worker-1"), event=NO_MEMORY)
    assert events == [Lost(reason=NO_MEMORY.reason, shared=True)] * 5
    assert len(seats.of("worker-0")) == 5
    assert seats.of("worker-1") == ("worker-1/0", "worker-1/1") == seats.names[5:]
    (notice,) = seats.notices()
    assert notice.startswith("worker-1 ran out of memory (OutOfMemoryError: 80 GiB) with 5 slots")
    assert seats.notices() == []


def lose_again(seats: Seats, *, trial: int, neighbour: int, reports: bool) -> None:
    """A process dies with a trial and a neighbour, which may report in the meantime."""
    one, other = seats.of("worker-0")[:2]
    begin(seats, one, trial, earlier=["before"])
    begin(seats, other, neighbour)
    report(seats, one, trial)  # the reports of its checkpoint
    report(seats, other, neighbour)
    seats.note_order(one, Continue())
    if reports:
        report(seats, one, trial)
    lose(seats, one, other)


def test_a_job_that_is_lost_repeatedly_has_ever_fewer_neighbours() -> None:
    seats, slots = Seats(workers=1, slots=8), []
    for loss in range(MOST_LOSSES + 2):
        slots.append(len(seats.names))
        lose_again(seats, trial=3, neighbour=10 + loss, reports=False)
    assert slots == [8, 8, 8, 4, 2] and len(seats.names) == 1
    assert len(seats.notices()) == 3


def test_losses_between_which_every_job_evaluates_cost_no_slot() -> None:
    seats = Seats(workers=1, slots=8)
    for loss in range(5 * MOST_LOSSES):
        lose_again(seats, trial=3, neighbour=10 + loss, reports=True)
    assert len(seats.names) == 8
