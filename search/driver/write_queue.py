"""The write queue: one thread stores the driver's writes in order.

The driver decides from its in-memory study and never waits for the database. While PostgreSQL is
unreachable, writes wait; when it is back, they are stored in their original order. A write that
was interrupted is applied again as possibly applied: the study store first reads what is stored.

New trials, reports and ends that have queued up are stored in one transaction: all of them, or
none. Where that is not possible, because somebody else wrote to the study, they are stored one
by one.

Others may write to the study as well. About once a second, and whenever a write conflicts with
what somebody else wrote, the write queue reads these changes and passes them to the driver. A
write whose trial number was taken waits until the driver has replaced it.
"""

import contextlib
import enum
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.writes import Batchable, StoreNote, StorePlot, Write
from storage.errors import DatabaseUnreachable, EmbeddedError
from storage.triggers import NO_TRIGGERS, Triggers

__all__ = ["Store", "WriteQueue", "WriteQueueState"]

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)  # waits between tries; the last one repeats
CHECK_SECONDS = 1.0  # between two checks for a request to stop and for changes by others
MOST_IN_BATCH = 200  # writes in one transaction


class Store(Protocol):
    """Stores writes; every method may raise ``DatabaseUnreachable``."""

    def apply(self, write: Write, *, possibly_applied: bool) -> None:
        """Store one write; ``possibly_applied`` if an earlier try may have stored it already.

        Raises:
            NumberTaken: If somebody else added a trial under the same number.
            TrialOver: If somebody else ended the trial.
        """

    def apply_batch(self, writes: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        """Store several writes in one transaction.

        Returns:
            Whether they are stored; if not, none of them is, and each is to be applied alone.
        """

    def read_changes(self) -> StudyChanges:
        """Read what somebody asked the search to do, and what others wrote to the study."""

    def revive(self) -> None:
        """Restart an embedded server if it has died."""


@dataclass(frozen=True, kw_only=True)
class WriteQueueState:
    """The state of the write queue at one moment."""

    #: Writes that are not stored yet.
    waiting: int
    #: Seconds since PostgreSQL became unreachable; None while it is reachable.
    outage_seconds: float | None
    #: Whether somebody asked this search to stop.
    stop_requested: bool
    #: Trials to finish when that was last read; 0 before.
    target: int
    #: The error that ended the thread; None while it runs.
    failure: BaseException | None


class _Fate(enum.Enum):
    """What became of the writes at the head of the queue."""

    STORED = enum.auto()
    #: The number of a new trial was taken: the driver must replace the write.
    TAKEN = enum.auto()
    #: They cannot be stored in one transaction.
    REFUSED = enum.auto()


class WriteQueue:
    """Stores writes in order, in its own thread."""

    def __init__(
        self,
        store: Store,
        *,
        patience: float,
        on_written: Callable[[Write], None],
        on_changes: Callable[[StudyChanges], None] = lambda changes: None,
        clock: Callable[[], float] = time.monotonic,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        """Start the thread.

        Args:
            store: Applies one write to PostgreSQL.
            patience: Seconds without PostgreSQL after which the write queue gives up.
            on_written: Called in the write queue's thread after a write is stored.
            on_changes: Called in that thread with what others wrote to the study.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._store, self._patience, self._on_written = store, patience, on_written
        self._on_changes, self._clock, self._triggers = on_changes, clock, triggers
        self._writes: deque[Write] = deque()
        self._alone = 0  # writes at the head that are to be stored one by one
        self._changed = threading.Condition()
        self._outage_since: float | None = None
        self._stop_requested, self._target = False, 0
        self._polled = clock()
        self._closing = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write queue")
        self._writing = self._executor.submit(self._write_all)
        self._writing.add_done_callback(lambda _: self._wake())

    def append(self, write: Write) -> None:
        """Add a write after all earlier ones; returns immediately."""
        with self._changed:
            self._writes.append(write)
            self._changed.notify_all()

    @property
    def state(self) -> WriteQueueState:
        """The current state."""
        with self._changed:
            outage_seconds = (
                None if self._outage_since is None else self._clock() - self._outage_since
            )
            return WriteQueueState(
                waiting=len(self._writes),
                outage_seconds=outage_seconds,
                stop_requested=self._stop_requested,
                target=self._target,
                failure=self._writing.exception() if self._writing.done() else None,
            )

    def rewrite(self, change: Callable[[tuple[Write, ...]], Iterable[Write]]) -> None:
        """Replace the writes that are not stored yet.

        Only new trials whose numbers were taken may be replaced. If one of them is being written
        now, it is not stored either.
        """
        with self._changed:
            self._writes = deque(change(tuple(self._writes)))
            self._changed.notify_all()

    def drained(self, timeout: float) -> bool:
        """Wait until all writes are stored, PostgreSQL is unreachable, or the thread has ended.

        Returns:
            False if none of these happened within ``timeout`` seconds.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._writes or self._outage_since is not None or self._writing.done(),
                timeout=timeout,
            )

    def close(self) -> None:
        """Stop the thread; writes that are not stored yet are dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._executor.shutdown(wait=True)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _write_all(self) -> None:
        while not self._closing:
            writes = self._next()
            if not writes:
                self._check_if_open()
                continue
            match self._store_writes(writes):
                case _Fate.STORED:
                    for write in writes:
                        self._on_written(write)
                    self._drop(writes)
                case _Fate.TAKEN:
                    self._wait_for_rewriting(writes[0])
                case _Fate.REFUSED:
                    self._alone = len(writes)

    def _drop(self, writes: Sequence[Write]) -> None:
        with self._changed:
            for write in writes:
                assert self._writes[0] is write, "a write was replaced after it was stored"
                self._writes.popleft()
            self._alone = max(0, self._alone - 1)
            self._changed.notify_all()

    def _wait_for_rewriting(self, write: Write) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or all(waiting is not write for waiting in self._writes)
            )

    def _next(self) -> tuple[Write, ...]:
        """The next writes; none when it is time to check for changes by others."""
        with self._changed:
            due = self._polled + CHECK_SECONDS - self._clock()
            if due > 0:
                self._changed.wait_for(lambda: self._writes or self._closing, timeout=due)
            return self._head() if self._writes and due > 0 else ()

    def _head(self) -> tuple[Write, ...]:
        """The writes at the head that may be stored in one transaction."""
        if self._alone or not isinstance(self._writes[0], Batchable):
            return (self._writes[0],)
        waiting = itertools.islice(self._writes, MOST_IN_BATCH)
        return tuple(itertools.takewhile(lambda write: isinstance(write, Batchable), waiting))

    def _check_if_open(self) -> None:
        self._polled = self._clock()
        if self._closing:
            return
        with contextlib.suppress(DatabaseUnreachable):  # the next write measures the outage
            self._check_changes()

    def _check_changes(self) -> None:
        changes = self._store.read_changes()
        if changes.has_changes:
            self._on_changes(changes)
        with self._changed:
            self._stop_requested, self._target = changes.stop_requested, changes.target

    def _store_writes(self, writes: Sequence[Write]) -> _Fate:
        """Store the writes, waiting for outages to end."""
        tries = 0
        while True:
            try:
                fate = self._apply(writes, possibly_applied=tries > 0)
                self._note_outage(None)
                return fate
            except DatabaseUnreachable as error:
                if isinstance(writes[0], StoreNote | StorePlot):
                    return _Fate.STORED  # dropped: nothing waits for it, and more follow
                self._wait_for_return(tries, error)
                tries += 1

    def _apply(self, writes: Sequence[Write], *, possibly_applied: bool) -> _Fate:
        for write in writes:
            self._triggers.writing(write)
        batch = [write for write in writes if isinstance(write, Batchable)]
        if self._alone or not batch:
            return self._apply_alone(writes[0], possibly_applied=possibly_applied)
        if not self._store.apply_batch(batch, possibly_applied=possibly_applied):
            return _Fate.REFUSED
        for write in writes:
            self._triggers.stored(write)
        return _Fate.STORED

    def _apply_alone(self, write: Write, *, possibly_applied: bool) -> _Fate:
        try:
            self._store.apply(write, possibly_applied=possibly_applied)
            self._triggers.stored(write)
        except NumberTaken:
            self._check_changes()
            return _Fate.TAKEN
        except TrialOver:
            self._check_changes()
        return _Fate.STORED

    def _wait_for_return(self, tries: int, error: DatabaseUnreachable) -> None:
        now = self._clock()
        if self._outage_since is None:
            self._note_outage(now)
        elif now - self._outage_since > self._patience:
            raise error
        wait = RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
        with self._changed:
            if self._changed.wait_for(lambda: self._closing, timeout=wait):
                raise error
        with contextlib.suppress(EmbeddedError):  # tried again until the patience runs out
            self._store.revive()

    def _note_outage(self, since: float | None) -> None:
        with self._changed:
            self._outage_since = since
            self._changed.notify_all()
