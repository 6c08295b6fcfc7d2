"""A store in memory, with outages on order, and a progress that only remembers."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.writes import (
    AddTrial,
    Batchable,
    EndTrial,
    NewAttempt,
    StartQueued,
    StoreReport,
    StoreTest,
    Write,
)
from search.progress.snapshot import Snapshot
from storage.errors import DatabaseUnreachable


class MemoryStore:
    """Keeps entries in the order in which they were stored."""

    def __init__(self, away_at: set[int] | None = None) -> None:
        #: Those of trials.
        self.entries: list[AddTrial | StartQueued | NewAttempt | StoreReport | EndTrial] = []
        #: Results on the test split.
        self.tests: list[dict[str, object]] = []
        self.doubtful: list[Write] = []
        #: How many entries each transaction of several had.
        self.batches: list[int] = []
        self.asked_to_stop = False
        self._tries = 0
        self._away_at = away_at or set()

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        self._tries += 1
        if self._tries in self._away_at:
            raise DatabaseUnreachable("the database is unreachable: on order")
        if possibly_applied:
            self.doubtful.append(entry)
        if isinstance(entry, StoreTest):
            self.tests.append(entry.result)
        else:
            self.entries.append(entry)

    def apply_batch(self, writes: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        """Stores all or none; with outages on order, which count writes, one by one."""
        if self._away_at:
            return False
        stored = len(self.entries)
        try:
            for write in writes:
                self.apply(write, possibly_applied=possibly_applied)
        except (NumberTaken, TrialOver):
            del self.entries[stored:]
            return False
        self.batches.append(len(writes))
        return True

    def read_changes(self) -> StudyChanges:
        return StudyChanges(stop_requested=self.asked_to_stop)

    def revive(self) -> None:
        pass

    def added(self) -> list[AddTrial]:
        return [entry for entry in self.entries if isinstance(entry, AddTrial)]

    def ended(self) -> list[EndTrial]:
        return [entry for entry in self.entries if isinstance(entry, EndTrial)]

    def reports(self) -> list[StoreReport]:
        return [entry for entry in self.entries if isinstance(entry, StoreReport)]

    def attempts(self) -> list[NewAttempt]:
        return [entry for entry in self.entries if isinstance(entry, NewAttempt)]


class SilentProgress:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.snapshots: list[Snapshot] = []

    def update(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def event(self, text: str) -> None:
        self.events.append(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass
