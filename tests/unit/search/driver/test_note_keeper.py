"""The study's note: kept current through the write queue, and never in the way."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from search.driver.driver import Ending
from search.driver.in_memory_study import InMemoryStudy
from search.driver.note_keeper import NOTE_SECONDS, SHARE, NoteKeeper, NoteState
from search.driver.write_queue import WriteQueue
from tests.fakes.memory_search import Search
from tests.fakes.store import MemoryStore

TRIALS = 4


def made(
    trials: Sequence[FrozenTrial], state: NoteState, test: Mapping[str, Any] | None, target: int
) -> str:
    ended = sum(trial.state.is_finished() for trial in trials)
    return f"{state}: {ended} ended, test of {None if test is None else test['trial']}"


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
    def fails(*_: object) -> str:
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

    def slow(*_: object) -> str:
        nonlocal now
        now += took
        return f"note at {now}"

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
