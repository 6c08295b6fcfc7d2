"""Keeps the study's note and plot current: what somebody sees first who opens the dashboard.

A note is a write like any other, so that it never shows what is not stored yet. It is made at most
every half minute, and less often where making it takes long. The plot, which is larger, is stored
at most once a minute, and at the end. If one cannot be made or stored, the search continues
without it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from optuna.trial import FrozenTrial

from search.driver.in_memory_study import InMemoryStudy
from search.driver.write_queue import WriteQueue
from search.driver.writes import StoreNote, StorePlot
from search.errors import SearchError
from search.records.study_note import StudyNote

__all__ = ["MakeNote", "NoteKeeper", "NoteState"]

NOTE_SECONDS = 30.0  # least time between two notes
PLOT_SECONDS = 60.0  # least time between two plots of a running search
#: Making notes takes at most one part in so many of the driver's time.
SHARE = 200

NoteState = Literal["running", "finished", "paused"]
#: Makes the note from the trials, the state, the test scores if there are any, and the number of
#: trials to finish.
MakeNote = Callable[[Sequence[FrozenTrial], NoteState, Mapping[str, Any] | None, int], StudyNote]


class NoteKeeper:
    """Adds notes to the write queue, in the driver's thread."""

    def __init__(
        self,
        make: MakeNote | None,
        write_queue: WriteQueue,
        *,
        target: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; the first note is written when it is first asked for.

        Args:
            make: Makes the notes; None for none.
            write_queue: Stores the notes.
            target: Trials to finish.
            clock: Monotonic seconds.
        """
        self._make, self._write_queue, self._clock = make, write_queue, clock
        self._due = self._plot_due = -float("inf")
        self._plot: str | None = None
        #: Trials to finish, which the notes show.
        self.target = target

    def update(self, memory: InMemoryStudy, test: Mapping[str, Any] | None) -> str | None:
        """Write a note if one is due; returns a line if that failed."""
        return None if self._clock() < self._due else self.write(memory, "running", test)

    def write(
        self, memory: InMemoryStudy, state: NoteState, test: Mapping[str, Any] | None
    ) -> str | None:
        """Write a note now, such as the last one of this driver; returns a line if that failed."""
        if self._make is None:
            return None
        began = self._clock()
        try:
            note = self._make(memory.trials(), state, test, self.target)
        except (ArithmeticError, LookupError, SearchError, TypeError, ValueError) as error:
            self._make = None
            return f"the study's note cannot be written ({error}): the search continues without it"
        now = self._clock()
        self._due = now + max(NOTE_SECONDS, SHARE * (now - began))
        self._write_queue.append(StoreNote(text=note.text))
        if note.plot is not None and (state != "running" or now >= self._plot_due):
            self._write_plot(note.plot, now)
        return None

    def _write_plot(self, plot: str, now: float) -> None:
        """Write a plot, unless it is the one before."""
        self._plot_due = now + PLOT_SECONDS
        if plot != self._plot:
            self._plot = plot
            self._write_queue.append(StorePlot(text=plot))
