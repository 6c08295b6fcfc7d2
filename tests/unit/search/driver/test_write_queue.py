"""The write queue: waiting writes are stored together, in order, once."""

import threading
from collections.abc import Sequence

import pytest

from search.driver import write_queue
from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.write_queue import MOST_IN_BATCH, WriteQueue
from search.driver.writes import AddTrial, Batchable, NewAttempt, Write
from storage.errors import DatabaseUnreachable
from storage.triggers import NO_TRIGGERS, Triggers

WAIT_SECONDS = 20.0


def trial(number: int) -> AddTrial:
    return AddTrial(trial=number, parameters={}, epoch=1)


def attempt(number: int) -> NewAttempt:
    return NewAttempt(trial=number, attempt=2, epoch=1, why="lost")


class GatedStore:
    """Stores nothing before its gate is opened, and notes every try."""

    def __init__(self, *, refused: Sequence[Write] = (), lost: int = 0, taken: int = -1) -> None:
        self.gate = threading.Event()
        #: Entries of each try, and whether they were possibly applied.
        self.tries: list[tuple[tuple[Write, ...], bool]] = []
        self.stored: list[Write] = []
        self._refused, self._lost, self._taken = refused, lost, taken

    def apply(self, write: Write, *, possibly_applied: bool) -> None:
        self._try((write,), possibly_applied=possibly_applied)
        if isinstance(write, AddTrial) and write.trial == self._taken:
            raise NumberTaken("on order")
        if write in self._refused:
            raise TrialOver("on order")
        self.stored.append(write)

    def apply_batch(self, writes: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        self._try(tuple(writes), possibly_applied=possibly_applied)
        numbers = [write.trial for write in writes]
        if self._taken in numbers or any(write in self._refused for write in writes):
            return False
        self.stored += writes
        return True

    def read_changes(self) -> StudyChanges:
        return StudyChanges(stop_requested=False)

    def revive(self) -> None:
        """A process that never dies."""

    def _try(self, writes: tuple[Write, ...], *, possibly_applied: bool) -> None:
        assert self.gate.wait(WAIT_SECONDS)
        self.tries.append((writes, possibly_applied))
        if len(self.tries) <= self._lost:
            raise DatabaseUnreachable("on order")


def written(
    store: GatedStore, writes: Sequence[Write], triggers: Triggers = NO_TRIGGERS
) -> list[Write]:
    """The writes that the queue reports as stored; they arrive while it is busy."""
    written: list[Write] = []
    queue = WriteQueue(store, patience=WAIT_SECONDS, on_written=written.append, triggers=triggers)
    try:
        for write in (attempt(0), *writes):
            queue.append(write)
        store.gate.set()
        assert queue.drained(WAIT_SECONDS) and queue.state.waiting == 0
    finally:
        store.gate.set()
        queue.close()
    return written


def sizes(store: GatedStore) -> list[int]:
    return [len(writes) for writes, _ in store.tries]


def test_waiting_writes_are_stored_in_one_transaction() -> None:
    store, writes = GatedStore(), [trial(number) for number in range(5)]
    assert written(store, writes) == store.stored == [attempt(0), *writes]
    assert sizes(store) == [1, 5]


def test_a_transaction_has_at_most_so_many_writes() -> None:
    store = GatedStore()
    written(store, [trial(number) for number in range(MOST_IN_BATCH + 3)])
    assert sizes(store) == [1, MOST_IN_BATCH, 3]


def test_an_write_of_another_kind_keeps_its_place() -> None:
    store = GatedStore()
    writes: list[Write] = [trial(1), trial(2), attempt(1), trial(3)]
    assert written(store, writes) == store.stored == [attempt(0), *writes]
    assert sizes(store) == [1, 2, 1, 1]


def test_writes_that_cannot_be_stored_together_are_stored_one_by_one() -> None:
    writes = [trial(number) for number in range(4)]
    store = GatedStore(refused=[writes[2]])
    assert written(store, writes) == [attempt(0), *writes]
    assert store.stored == [attempt(0), writes[0], writes[1], writes[3]]
    assert sizes(store) == [1, 4, 1, 1, 1, 1]


def test_after_that_writes_are_stored_together_again() -> None:
    writes = [trial(number) for number in range(MOST_IN_BATCH + 4)]
    store = GatedStore(refused=[writes[0]])
    written(store, writes)
    assert sizes(store) == [1, MOST_IN_BATCH, *[1] * MOST_IN_BATCH, 4]


def test_a_number_that_is_taken_waits_for_another_write_in_its_place() -> None:
    store, replacement = GatedStore(taken=2), trial(7)
    written: list[Write] = []
    queue = WriteQueue(store, patience=WAIT_SECONDS, on_written=written.append)
    try:
        for write in (attempt(0), trial(1), trial(2), trial(3)):
            queue.append(write)
        store.gate.set()
        assert not queue.drained(0.2)  # trial 2 waits
        assert written == [attempt(0), trial(1)]
        queue.rewrite(lambda waiting: [replacement, *waiting[1:]])
        assert queue.drained(WAIT_SECONDS)
    finally:
        queue.close()
    assert store.stored == written == [attempt(0), trial(1), replacement, trial(3)]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_batch_that_may_be_stored_is_repeated_unchanged_as_possibly_applied(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "RETRY_SECONDS", (0.0,))
    writes = [trial(number) for number in range(3)]
    acknowledged: list[object] = []

    def lose(write: object) -> None:
        acknowledged.append(write)
        if write == writes[1] and acknowledged.count(write) <= lost:
            raise DatabaseUnreachable("the acknowledgement is lost")

    store = GatedStore()
    assert written(store, writes, triggers=Triggers(stored=lose)) == [attempt(0), *writes]
    batch = tuple(writes)
    assert store.tries[1:] == [(batch, False), *[(batch, True)] * lost]
