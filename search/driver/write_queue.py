"""The write queue: everything the driver wants stored, written in order by one thread.

The driver decides from its in-memory study and never waits for the database. While PostgreSQL is
away entries wait in their order; when it is back they are written in that order. An entry
that was interrupted is applied again in doubt: the study store reads what is stored first.

Others may write to the study as well. About once a second, and whenever an entry meets what
somebody else wrote, the write queue looks and tells the driver. An entry whose number was taken
waits until the driver has put others in its place.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from search.driver.look import Look, NumberTaken, TrialOver
from search.driver.writes import Write
from storage.errors import DatabaseAway, EmbeddedError
from storage.triggers import NO_TRIGGERS, Triggers

__all__ = ["Store", "WriteQueue", "WriteQueueState"]

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)  # waits between tries; the last one repeats
LOOK_SECONDS = 1.0  # how often is looked for a request to stop, and for what others wrote


class Store(Protocol):
    """Where entries go; every method may raise ``DatabaseAway``."""

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        """Store one entry; ``possibly_applied`` if an earlier try may have stored it already.

        Raises:
            NumberTaken: If somebody else added a trial under the number of the entry's.
            TrialOver: If somebody else ended the entry's trial.
        """

    def look(self) -> Look:
        """Whether somebody asked this search to stop, and what others wrote to the study."""

    def revive(self) -> None:
        """Start a server of our own again if it has died."""


@dataclass(frozen=True, kw_only=True)
class WriteQueueState:
    """How the writing stands."""

    #: Entries not written yet.
    waiting: int
    #: Seconds since PostgreSQL went away, None while it is there.
    away: float | None
    #: Whether somebody asked this search to stop.
    stop_requested: bool
    #: What ended the writing for good, None while it goes on.
    failure: BaseException | None


class WriteQueue:
    """Writes entries in order, in a thread of its own."""

    def __init__(
        self,
        store: Store,
        *,
        patience: float,
        on_written: Callable[[Write], None],
        on_news: Callable[[Look], None] = lambda look: None,
        clock: Callable[[], float] = time.monotonic,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        """Start writing.

        Args:
            store: Applies one entry to PostgreSQL.
            patience: Seconds without PostgreSQL after which the write queue gives up.
            on_written: Called in the write queue's thread after an entry is stored.
            on_news: Called in that thread with what others wrote to the study.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._store, self._patience, self._on_written = store, patience, on_written
        self._on_news, self._clock, self._triggers = on_news, clock, triggers
        self._entries: deque[Write] = deque()
        self._changed = threading.Condition()
        self._away_since: float | None = None
        self._stop_requested = False
        self._polled = clock()
        self._closing = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._writing = self._executor.submit(self._write_all)
        self._writing.add_done_callback(lambda _: self._wake())

    def append(self, entry: Write) -> None:
        """Have the entry written after all earlier ones; returns at once."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    @property
    def state(self) -> WriteQueueState:
        """How the writing stands now."""
        with self._changed:
            away = None if self._away_since is None else self._clock() - self._away_since
            return WriteQueueState(
                waiting=len(self._entries),
                away=away,
                stop_requested=self._stop_requested,
                failure=self._writing.exception() if self._writing.done() else None,
            )

    def rewrite(self, change: Callable[[tuple[Write, ...]], Iterable[Write]]) -> None:
        """Put other entries in place of those that are not written yet.

        Only new trials whose numbers were taken may be replaced: one that is being written now
        is then not stored.
        """
        with self._changed:
            self._entries = deque(change(tuple(self._entries)))
            self._changed.notify_all()

    def drained(self, timeout: float) -> bool:
        """Wait until all is written, or PostgreSQL turns out to be away, or the writing ended.

        Returns:
            Whether that is so; False if it is not within ``timeout`` seconds.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._entries or self._away_since is not None or self._writing.done(),
                timeout=timeout,
            )

    def close(self) -> None:
        """Stop writing; what is not written yet is left out."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._executor.shutdown(wait=True)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _write_all(self) -> None:
        while not self._closing:
            entry = self._next()
            if entry is None:
                self._look_again()
            elif self._write(entry):
                self._on_written(entry)
                self._drop(entry)
            else:
                self._wait_for_rewriting(entry)

    def _drop(self, entry: Write) -> None:
        with self._changed:
            assert self._entries[0] is entry, "an entry was replaced that has been written"
            self._entries.popleft()
            self._changed.notify_all()

    def _wait_for_rewriting(self, entry: Write) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or all(waiting is not entry for waiting in self._entries)
            )

    def _next(self) -> Write | None:
        """The entry to write, or None when it is time to look."""
        with self._changed:
            due = self._polled + LOOK_SECONDS - self._clock()
            if due > 0:
                self._changed.wait_for(lambda: self._entries or self._closing, timeout=due)
            return self._entries[0] if self._entries and due > 0 else None

    def _look_again(self) -> None:
        self._polled = self._clock()
        if self._closing:
            return
        with contextlib.suppress(DatabaseAway):  # the next entry finds out for how long
            self._look()

    def _look(self) -> None:
        look = self._store.look()
        if look.is_news:
            self._on_news(look)
        with self._changed:
            self._stop_requested = look.stop_requested

    def _write(self, entry: Write) -> bool:
        """Whether there is nothing left to write of the entry; else its number was taken."""
        tries = 0
        while True:
            try:
                done = self._apply(entry, possibly_applied=tries > 0)
                self._note_away(None)
                return done
            except DatabaseAway as error:
                self._wait_for_return(tries, error)
                tries += 1

    def _apply(self, entry: Write, *, possibly_applied: bool) -> bool:
        try:
            self._triggers.writing(entry)
            self._store.apply(entry, possibly_applied=possibly_applied)
            self._triggers.stored(entry)
        except NumberTaken:
            self._look()
            return False
        except TrialOver:
            self._look()
        return True

    def _wait_for_return(self, tries: int, error: DatabaseAway) -> None:
        now = self._clock()
        if self._away_since is None:
            self._note_away(now)
        elif now - self._away_since > self._patience:
            raise error
        wait = RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
        with self._changed:
            if self._changed.wait_for(lambda: self._closing, timeout=wait):
                raise error
        with contextlib.suppress(EmbeddedError):  # tried again, until the patience is over
            self._store.revive()

    def _note_away(self, since: float | None) -> None:
        with self._changed:
            self._away_since = since
            self._changed.notify_all()
