"""Pictures of trials: who gets them, that they are recorded once, and that they cost nothing."""

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.driver.driver import Ending
from search.driver.running_trial import adopt_trial
from search.driver.writes import EndTrial
from search.machine.whose_pictures import WhosePictures
from search.records.messages import (
    Continue,
    Crashed,
    DrawPictures,
    Event,
    Lost,
    Order,
    OutOfMemory,
)
from search.records.stored_picture import pictures_of
from tests.fakes.memory_search import Search
from tests.fakes.pool import Stall
from tests.fakes.training import FakeWorker

TRIALS = 24


def shown(search: Search) -> dict[TrialState, set[int]]:
    """How many pictures the trials of each state have, in memory; the same is stored."""
    found: dict[TrialState, set[int]] = {}
    for trial in search.memory.trials():
        count = len(pictures_of(trial.system_attrs))
        found.setdefault(trial.state, set()).add(count)
    for write in search.store.ended():
        recorded = pictures_of(search.memory.trial(write.trial).system_attrs)
        assert pictures_of(write.end.artifacts) == recorded
    return found


@pytest.mark.parametrize(
    ("pictures", "complete", "pruned"), [("finished", 1, 0), ("all", 1, 1), ("none", 0, 0)]
)
def test_trials_get_pictures_as_asked(
    pictures: WhosePictures, complete: int, pruned: int, tmp_path: Path
) -> None:
    search = Search(tmp_path, trials=TRIALS, pictures=pictures)
    assert search.driver.run() is Ending.FINISHED
    assert shown(search) == {TrialState.COMPLETE: {complete}, TrialState.PRUNED: {pruned}}


def test_no_worker_draws_for_a_pruned_trial(tmp_path: Path) -> None:
    drawn: list[int] = []

    def note(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, DrawPictures):
            drawn.append(hosted.task.trial)

    search = Search(tmp_path, trials=TRIALS, fault=note, pictures="finished")
    search.driver.run()
    complete = [t.number for t in search.memory.trials() if t.state is TrialState.COMPLETE]
    assert drawn == complete and 0 < len(complete) < TRIALS


@pytest.mark.parametrize("pictures", ["finished", "all"])
def test_a_search_with_pictures_is_the_one_without(
    pictures: WhosePictures, tmp_path: Path
) -> None:
    without = Search(tmp_path / "a", trials=TRIALS)
    having = Search(tmp_path / "b", trials=TRIALS, pictures=pictures)
    without.driver.run()
    having.driver.run()
    assert having.points() == without.points()
    assert having.values() == without.values()
    ended = [
        [(trial.state, trial.intermediate_values) for trial in each.memory.trials()]
        for each in (without, having)
    ]
    assert ended[0] == ended[1]


def test_the_record_is_optunas_own(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=TRIALS, pictures="finished")
    search.driver.run()
    best = search.memory.best()
    assert best is not None
    ((key, value),) = [
        item for item in best.system_attrs.items() if item[0].startswith("artifacts:")
    ]
    assert json.loads(value) == {
        "artifact_id": key.removeprefix("artifacts:"),
        "filename": "grid.png",
        "mimetype": "image/png",
        "encoding": None,
    }


@pytest.mark.parametrize(
    "event",
    [
        Crashed(reason="ValueError: no", traceback="tb"),
        OutOfMemory(reason="too much", traceback="tb"),
        Lost(reason="killed"),
        Lost(reason="Ray's head is gone", with_cluster=True),
    ],
    ids=["crashed", "memory", "lost", "cluster"],
)
def test_a_worker_that_breaks_over_a_picture_costs_no_trial(event: Event, tmp_path: Path) -> None:
    struck: list[int] = []

    def strike(worker: str, order: Order, hosted: FakeWorker) -> Event | None:
        if isinstance(order, DrawPictures) and not struck:
            struck.append(hosted.task.trial)
            return event
        return None

    undisturbed = Search(tmp_path / "a", trials=TRIALS)
    search = Search(tmp_path / "b", trials=TRIALS, fault=strike, pictures="finished")
    undisturbed.driver.run()
    assert search.driver.run() is Ending.FINISHED
    assert search.values() == undisturbed.values()
    assert search.store.attempts() == []
    lines = [line for line in search.progress.events if "has no pictures" in line]
    assert len(lines) == 1 and lines[0].startswith(f"trial {struck[0]} has no pictures: ")
    assert pictures_of(search.memory.trial(struck[0]).system_attrs) == ()


def test_a_worker_that_stalls_over_a_picture_costs_no_trial(tmp_path: Path) -> None:
    stood: list[int] = []

    def stall(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        if isinstance(order, DrawPictures) and not stood:
            stood.append(hosted.task.trial)
            return Stall()
        return None

    search = Search(tmp_path, trials=6, fault=stall, pictures="finished", stall_timeout=0.6)
    assert search.driver.run() is Ending.FINISHED
    assert search.memory.trial(stood[0]).state is TrialState.COMPLETE
    assert any("has no pictures: made no progress" in line for line in search.progress.events)


def test_a_stop_lets_the_pictures_be_drawn(tmp_path: Path) -> None:
    def stop(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Continue) and len(hosted._reports) == 5:
            search.driver.stop("by the test")

    search = Search(tmp_path, trials=TRIALS, fault=stop, pictures="finished")
    assert search.driver.run() is Ending.STOPPED
    assert shown(search)[TrialState.COMPLETE] == {1}


def test_a_trial_whose_driver_died_over_its_pictures_gets_them(tmp_path: Path) -> None:
    """The next driver finds it RUNNING, with a whole checkpoint."""

    class Killed(Exception):
        pass

    def kill(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, DrawPictures):
            raise Killed

    first = Search(tmp_path, trials=1, fault=kill, pictures="finished")
    with pytest.raises(Killed):
        first.driver.run()
    assert not first.store.ended()
    adopted = [
        adopt_trial(trial, None)
        for trial in first.memory.trials()
        if not trial.state.is_finished()
    ]
    second = Search(tmp_path, trials=1, memory=first.memory, adopted=adopted, pictures="finished")
    assert second.driver.run() is Ending.FINISHED
    ends = [write for write in second.store.entries if isinstance(write, EndTrial)]
    assert [len(pictures_of(write.end.artifacts)) for write in ends] == [1]
