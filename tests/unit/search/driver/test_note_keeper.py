"""The study's note: kept current through the write queue, without disturbing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from search.driver.driver import Ending
from search.driver.in_memory_study import InMemoryStudy
from search.driver.note_keeper import (
    NOTE_SECONDS,
    PLOT_SECONDS,
    SHARE,
    NoteKeeper,
    NoteState,
)
from search.driver.write_queue import WriteQueue
from search.driver.writes import StorePlot, Write
from search.records.study_note import StudyNote
from storage.errors import DatabaseUnreachable
from tests.fakes.memory_search import Search
from tests.fakes.store import MemoryStore

TRIALS = 4


def made(
    trials: Sequence[FrozenTrial], state: NoteState, test: Mapping[str, Any] | None, target: int
) -> StudyNote:
    ended = sum(trial.state.is_finished() for trial in trials)
    text = f"{state}: {ended} ended, test of {None if test is None else test['trial']}"
    return StudyNote(text=text, plot=f"plot of {ended}")


def test_the_first_note_is_written_at_once_and_the_last_one_at_the_end(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=TRIALS, make_note=made)
    assert search.driver.run() is Ending.FINISHED
    first, *_, last = search.store.notes
    assert first.startswith("running: ")
    assert last == f"finished: {TRIALS} ended, test of {search.store.tests[-1]['trial']}"


def test_a_stopped_search_leaves_a_note_that_says_so(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=TRIALS, make_note=made)
    search.driver.stop("asked")
    assert search.driver.run() is Ending.STOPPED
    assert search.store.notes[-1].startswith("paused: ")


def test_a_note_that_cannot_be_made_is_an_event(tmp_path: Path) -> None:
    def fails(*_: object) -> StudyNote:
        raise ValueError("odd")

    search = Search(tmp_path, trials=TRIALS, make_note=fails)
    assert search.driver.run() is Ending.FINISHED
    found = [event for event in search.progress.events if "note cannot be written (odd)" in event]
    assert len(found) == 1 and search.store.notes == []


def test_a_note_is_dropped_in_an_outage(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=TRIALS, make_note=made, store=MemoryStore(away_at={1}))
    assert search.driver.run() is Ending.FINISHED
    assert len(search.store.ended()) == TRIALS and search.store.notes[-1].startswith("finished")


def test_notes_are_rare_and_rarer_where_they_take_long() -> None:
    now = 0.0
    took = 0.0

    def slow(*_: object) -> StudyNote:
        nonlocal now
        now += took
        return StudyNote(text=f"note at {now}")

    store, memory = MemoryStore(), InMemoryStudy("study")
    queue = WriteQueue(store, patience=1.0, on_written=lambda _: None)
    keeper = NoteKeeper(slow, queue, target=TRIALS, clock=lambda: now)
    for seconds in (0.0, 0.0, NOTE_SECONDS - 1, 1.0):
        now += seconds
        keeper.update(memory, None)
    assert queue.drained(5.0) and store.notes == ["note at 0.0", f"note at {NOTE_SECONDS}"]
    took = 1.0
    now += NOTE_SECONDS
    keeper.update(memory, None)
    now += SHARE - 1
    keeper.update(memory, None)
    assert queue.drained(5.0) and len(store.notes) == 3
    now += 1
    keeper.update(memory, None)
    assert queue.drained(5.0) and len(store.notes) == 4
    queue.close()


def test_the_last_plot_shows_every_trial(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=TRIALS, make_note=made)
    assert search.driver.run() is Ending.FINISHED
    assert search.store.plots[-1] == f"plot of {TRIALS}"
    assert len(set(search.store.plots)) == len(search.store.plots)


def test_plots_are_rarer_than_notes_and_never_twice_the_same() -> None:
    now = 0.0
    plot: str | None = "first"

    def make(*_: object) -> StudyNote:
        return StudyNote(text=f"note at {now}", plot=plot)

    store, memory = MemoryStore(), InMemoryStudy("study")
    queue = WriteQueue(store, patience=1.0, on_written=lambda _: None)
    keeper = NoteKeeper(make, queue, target=TRIALS, clock=lambda: now)
    keeper.update(memory, None)
    now, plot = PLOT_SECONDS - 1, "second"
    keeper.update(memory, None)
    assert queue.drained(5.0) and (len(store.notes), store.plots) == (2, ["first"])
    now += NOTE_SECONDS
    keeper.update(memory, None)
    now += PLOT_SECONDS
    keeper.update(memory, None)
    assert queue.drained(5.0) and (len(store.notes), store.plots) == (4, ["first", "second"])
    plot = "third"
    keeper.write(memory, "finished", None)
    plot = None
    keeper.write(memory, "finished", None)
    assert queue.drained(5.0) and store.plots == ["first", "second", "third"]
    queue.close()


def test_a_plot_is_dropped_in_an_outage(tmp_path: Path) -> None:
    class Away(MemoryStore):
        refused = 0

        def apply(self, entry: Write, *, possibly_applied: bool) -> None:
            if isinstance(entry, StorePlot) and not self.refused:
                self.refused += 1
                raise DatabaseUnreachable("away")
            super().apply(entry, possibly_applied=possibly_applied)

    store = Away()
    search = Search(tmp_path, trials=TRIALS, make_note=made, store=store)
    assert search.driver.run() is Ending.FINISHED
    assert store.refused == 1 and store.plots == [f"plot of {TRIALS}"]
    assert len(store.ended()) == TRIALS
