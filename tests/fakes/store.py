"""A store in memory, with outages that tests order, and a display that only records."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.writes import (
    AddTrial,
    Batchable,
    EndTrial,
    NewAttempt,
    StartQueued,
    StoreAttribute,
    StoreNote,
    StorePlot,
    StoreReport,
    StoreTest,
    Write,
)
from search.progress.snapshot import Snapshot
from storage.errors import DatabaseUnreachable

TrialWrite = AddTrial | StartQueued | NewAttempt | StoreReport | EndTrial


def _row(number: int, state: TrialState) -> FrozenTrial:
    row = create_trial(state=state)
    row.number = number
    return row


class MemoryStore:
    """Keeps entries in the order in which they were stored."""

    def __init__(self, away_at: set[int] | None = None) -> None:
        #: Those of trials.
        self.entries: list[TrialWrite] = []
        #: Results on the test split.
        self.tests: list[dict[str, object]] = []
        #: Every value that was stored of each attribute of the study.
        self.attributes: dict[str, list[dict[str, object]]] = {}
        #: Notes of the study.
        self.notes: list[str] = []
        #: Plots of the study.
        self.plots: list[str] = []
        self.doubtful: list[Write] = []
        #: How many entries each transaction of several had.
        self.batches: list[int] = []
        self.asked_to_stop = False
        self.asked_for_trials = 0
        #: Trials that others queued, and running ones that others ended, by number.
        self.queued_by_others: dict[int, FrozenTrial] = {}
        self.ended_by_others: dict[int, FrozenTrial] = {}
        self._unseen_queued: list[FrozenTrial] = []
        self._unseen_ended: list[FrozenTrial] = []
        self._tries = 0
        self._away_at = away_at or set()

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        self._tries += 1
        if self._tries in self._away_at:
            raise DatabaseUnreachable("the database is unreachable: on order")
        if possibly_applied:
            self.doubtful.append(entry)
            if entry in self.entries:
                return
        if isinstance(entry, StoreAttribute):
            self.attributes.setdefault(entry.key, []).append(entry.value)
            return
        if isinstance(entry, StoreTest):
            self.tests.append(entry.result)
            return
        if isinstance(entry, StorePlot):
            self.plots.append(entry.text)
            return
        if isinstance(entry, StoreNote):
            self.notes.append(entry.text)
            return
        self._refuse(entry)
        self.entries.append(entry)

    def _refuse(self, entry: TrialWrite) -> None:
        """Raise if another user wrote first."""
        if entry.trial in self.ended_by_others:
            raise TrialOver(f"somebody else ended trial {entry.trial}")
        if isinstance(entry, AddTrial) and entry.trial in self.queued_by_others:
            raise NumberTaken(f"somebody else added trial {entry.trial}")

    def apply_batch(self, writes: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        """Stores all or none; one by one if outages are ordered, because these count writes."""
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
        added, self._unseen_queued = tuple(self._unseen_queued), []
        ended, self._unseen_ended = tuple(self._unseen_ended), []
        return StudyChanges(
            stop_requested=self.asked_to_stop,
            target=self.asked_for_trials,
            added=added,
            ended=ended,
        )

    def queue_by_others(self) -> int:
        """Another user queues a trial without parameters; returns its number."""
        number = len(self.begun() | self.queued_by_others.keys())
        self.queued_by_others[number] = _row(number, TrialState.WAITING)
        self._unseen_queued.append(self.queued_by_others[number])
        return number

    def end_by_others(self, number: int) -> None:
        """Another user ends a running trial as failed."""
        self.ended_by_others[number] = _row(number, TrialState.FAIL)
        self._unseen_ended.append(self.ended_by_others[number])

    def begun(self) -> set[int]:
        """Numbers of the trials that were begun."""
        return {e.trial for e in self.entries if isinstance(e, AddTrial | StartQueued)}

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
    """Records snapshots and events, and shows nothing."""

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
