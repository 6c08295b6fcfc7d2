"""The output of attach for a search that it knows from the database alone."""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from search.config.configuration import resolve
from search.driver.in_memory_study import InMemoryStudy
from search.driver.study_store import ATTEMPTS_ATTRIBUTE, trial_template
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import Completed, Failed, Outcome, Pruned, trial_end
from search.reporting.attaching import GRACE_SECONDS, attach
from search.reporting.reading import view_study
from search.reporting.study_view import State, StudyView
from storage.studies import StudyRecord
from tests.fakes.memory_search import SPACE
from tests.fakes.store import SilentProgress

CONFIG = resolve(
    "rooms", None, {"training": {"iterations": 300}, "evaluation": {"evaluations": 6}}
)
RECORD = StudyRecord(
    name="study",
    created_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    config=CONFIG.to_table(),
    space=CONFIG.space().to_json(),
    seed=0,
    trials=5,
    versions={},
    fingerprints={},
    lag=2,
    stop_requested=False,
    finished_at=None,
)


class Search:
    """A study in the database, as it changes."""

    def __init__(self, trials: int) -> None:
        self._memory = InMemoryStudy("study")
        for _ in range(trials):
            self._memory.add(trial_template(SPACE.defaults, SPACE.distributions, 1))

    def report(self, trial: int, evaluation: int, score: float) -> None:
        self._memory.report(trial, evaluation, score)

    def end(self, trial: int, outcome: Outcome) -> None:
        self._memory.finish(trial, trial_end(outcome, [], MIOU_ACCURACY))

    def begin_again(self, trial: int, why: str) -> None:
        storage, trial_id = self._memory._storage, self._memory._id(trial)
        attempts: list[Any] = [[1, 1, "new"], [2, 1, why]]
        storage.set_trial_system_attr(trial_id, ATTEMPTS_ATTRIBUTE, attempts)

    def view(self, state: State) -> StudyView:
        finished_at = RECORD.created_at if state == "finished" else None
        view = view_study(
            dataclasses.replace(RECORD, finished_at=finished_at),
            self._memory.trials(),
            driver="driven by pid 1" if state == "running" else None,
            test=None,
        )
        assert view.state == state
        return view


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def watch(views: Iterator[StudyView | None]) -> tuple[StudyView, SilentProgress, float]:
    progress, clock = SilentProgress(), Clock()
    last = attach(lambda: next(views), progress, storage="here", sleep=clock.sleep, clock=clock)
    return last, progress, clock.now


def test_new_events_are_shown_once_and_earlier_ones_are_not() -> None:
    def story() -> Iterator[StudyView | None]:
        search = Search(5)
        search.end(0, Completed(value=30.0))
        search.report(1, 3, 25.0)
        yield search.view("running")
        search.end(1, Completed(value=40.0))
        search.end(2, Pruned(kind="collapsed", reason="one cluster has 97 %"))
        search.begin_again(3, "stalled")
        yield search.view("running")
        yield None
        yield search.view("running")
        search.end(3, Failed(reason="RuntimeError: no", traceback="tb"))
        search.end(4, Completed(value=10.0))
        yield search.view("finished")

    last, progress, _ = watch(story())
    assert last.state == "finished"
    assert progress.events == [
        "trial 1 complete: 40.00 (best so far)",
        "trial 2 pruned, collapsed: one cluster has 97 %",
        "trial 3 resumes as attempt 2 (stalled)",
        "trial 3 failed: RuntimeError: no",
        "trial 4 complete: 10.00",
    ]
    first, second, away, *_ = progress.snapshots
    line = first.workers[0]
    assert (line.trial, line.evaluation, line.iteration, line.score) == (1, 3, 150, 25.0)
    assert second.best == (1, 40.0) and second.left == pytest.approx(2.0 / 2 * 2)
    assert away.state == "database unreachable, waiting" and away.best == second.best


def test_attaching_ends_when_no_driver_takes_over_in_time() -> None:
    def story() -> Iterator[StudyView | None]:
        search = Search(2)
        yield search.view("running")
        for _ in range(10):
            yield search.view("paused")
        yield search.view("running")  # a standby took over
        while True:
            yield search.view("paused")

    last, progress, seconds = watch(story())
    assert last.state == "paused"
    assert seconds > GRACE_SECONDS + 20
    assert progress.snapshots[-1].state == "paused: no process is driving it"
