"""The best trial is scored on test by an ordinary job, and only the scores end the study."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.driver.driver import Ending
from search.driver.in_memory_study import InMemoryStudy
from search.errors import ClusterUnreachable
from search.records.messages import Begin, Crashed, Event, Lost, Order, OutOfMemory
from search.workers.pool import Answer
from storage.artifact_places import open_artifacts
from tests.fakes.memory_search import Search
from tests.fakes.pool import InlinePool, Stall
from tests.fakes.store import MemoryStore
from tests.fakes.training import FakeWorker
from tests.unit.search.driver.test_lost_workers import TickingClock

TRIALS = 8
LOST = Lost(reason="its node is gone")
CRASHED = Crashed(reason="RuntimeError: no", traceback="tb")
NO_MEMORY = OutOfMemory(reason="OutOfMemoryError: 80 GiB", traceback="tb")


def is_test(order: Order) -> bool:
    return isinstance(order, Begin) and order.task.job.kind == "test"


class Disturbed:
    """Disturbs the job that scores on test, the first times that it begins."""

    def __init__(self, *events: Event | Stall) -> None:
        self._events = list(events)
        self.begun: list[str] = []

    def __call__(self, worker: str, order: Order, hosted: FakeWorker) -> Event | Stall | None:
        if not is_test(order):
            return None
        assert isinstance(order, Begin)
        self.begun.append(f"{order.task.job} {order.task.place}")
        return self._events.pop(0) if self._events else None


def expected(search: Search) -> dict[str, object]:
    """The stored scores of the best trial: those of its last report, from the fake worker."""
    best = search.memory.best()
    assert best is not None
    reports = [entry for entry in search.store.reports() if entry.trial == best.number]
    last = reports[-1].report
    return {
        "trial": best.number,
        "cluster": asdict(last.cluster),
        "linear": asdict(last.linear),
        "reading": 1,
    }


@pytest.mark.parametrize(
    "events",
    [(), (LOST,) * 5, (CRASHED, NO_MEMORY), (Stall(), Stall()), (LOST, CRASHED, Stall())],
    ids=["undisturbed", "lost", "errors", "stalls", "mixed"],
)
def test_the_best_trial_is_scored_once_even_if_workers_are_lost(
    tmp_path: Path, events: tuple[Event | Stall, ...]
) -> None:
    fault = Disturbed(*events)
    search = Search(
        tmp_path, trials=TRIALS, fault=fault, stall_timeout=60.0, clock=TickingClock(0.3)
    )
    assert search.driver.run() is Ending.FINISHED
    assert search.store.tests == [expected(search)]
    number = search.store.tests[0]["trial"]
    assert fault.begun == [
        f"test/{number} test-{number:05d}/attempt-{attempt}-epoch-1"
        for attempt in range(1, len(events) + 2)
    ]
    assert search.store.attempts() == [], "no attempt is held against the trial"
    assert search.memory.counts().failed == 0


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((CRASHED,) * 3, "RuntimeError: no"),
        ((NO_MEMORY,) * 3, "out of memory: OutOfMemoryError: 80 GiB"),
        ((Stall(),) * 3, "made no progress for 60 s, 3 times in a row"),
    ],
    ids=["errors", "memory", "stalls"],
)
def test_without_a_possible_score_the_study_ends_without_one(
    tmp_path: Path, events: tuple[Event | Stall, ...], reason: str
) -> None:
    search = Search(
        tmp_path,
        trials=TRIALS,
        fault=Disturbed(*events),
        stall_timeout=60.0,
        clock=TickingClock(0.3),
    )
    assert search.driver.run() is Ending.FINISHED
    number = expected(search)["trial"]
    assert search.store.tests == [{"trial": number}]
    event = f"no test score for trial {number}: the test split was not scored: {reason};"
    fix = " to train it again, run `python"
    assert any(line.startswith(event + fix) for line in search.progress.events)


def finished(folder: Path, **options: object) -> Search:
    """A search that was stopped before the only remaining job, the score of its best trial."""

    def stop(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        if not is_test(order):
            return None
        search.driver.stop_at_once("killed")
        return Stall()

    search = Search(folder, trials=TRIALS, fault=stop, **options)  # type: ignore[arg-type]
    assert search.driver.run() is Ending.STOPPED
    assert search.store.tests == []
    return search


def resumed(folder: Path, before: Search, **options: object) -> Search:
    memory = InMemoryStudy("study", before.memory.trials())
    search = Search(folder, trials=TRIALS, memory=memory, **options)  # type: ignore[arg-type]
    assert search.driver.run() is Ending.FINISHED
    assert search.store.added() == [] and search.store.reports() == []
    return search


def test_a_search_stopped_while_it_scores_is_resumed_there(tmp_path: Path) -> None:
    before = finished(tmp_path)
    assert resumed(tmp_path, before).store.tests == [expected(before)]


def test_a_scored_trial_is_not_scored_again(tmp_path: Path) -> None:
    before = finished(tmp_path)
    stored = {**expected(before), "cluster": "as an earlier driver stored it"}
    fault = Disturbed()
    search = resumed(tmp_path, before, scored=stored, fault=fault)
    assert search.store.tests == [stored] and fault.begun == []
    other = {"trial": 99, "cluster": "of one that is no longer the best"}
    search = resumed(tmp_path, before, scored=other, fault=fault)
    assert search.store.tests == [expected(before)] and len(fault.begun) == 1


def test_a_missing_checkpoint_is_reported_and_no_worker_gets_a_job(tmp_path: Path) -> None:
    before = finished(tmp_path)
    shutil.rmtree(tmp_path)
    fault = Disturbed()
    search = resumed(tmp_path, before, fault=fault)
    number = expected(before)["trial"]
    assert search.store.tests == [{"trial": number}] and fault.begun == []
    reason = f"no test score for trial {number}: its checkpoint is missing;"
    fix = " to train it again, run `python"
    assert any(line.startswith(reason + fix) for line in search.progress.events)


def test_a_node_without_the_folder_scores_the_newest_stored_checkpoint(tmp_path: Path) -> None:
    artifact_store = ArtifactCheckpointStore(open_artifacts(str(tmp_path / "artifacts")), "study")

    def lose_folders(worker: str, order: Order, hosted: FakeWorker) -> None:
        if is_test(order):
            assert isinstance(order, Begin) and len(order.task.stored) == 1
            shutil.rmtree(tmp_path / "a", ignore_errors=True)

    search = Search(
        tmp_path / "a", trials=TRIALS, fault=lose_folders, artifact_store=artifact_store
    )
    assert search.driver.run() is Ending.FINISHED
    assert search.store.tests == [expected(search)]


def test_an_outage_while_the_score_is_stored_is_waited_out(tmp_path: Path) -> None:
    undisturbed = Search(tmp_path / "a", trials=TRIALS)
    undisturbed.driver.run()
    last = len(undisturbed.store.entries) + 1
    store = MemoryStore(away_at={last, last + 1})
    search = Search(tmp_path / "b", trials=TRIALS, store=store)
    assert search.driver.run() is Ending.FINISHED
    assert store.tests == undisturbed.store.tests
    assert len(store.doubtful) == 1


def test_a_cluster_that_is_lost_while_scoring_is_awaited(tmp_path: Path) -> None:
    class Shaky(InlinePool):
        went = 0

        def wait(self, timeout: float) -> list[Answer]:
            if self.outage is not None:
                self.outage = None
                return []
            if self._orders and is_test(self._orders[0][1]) and self.went < 9:
                self.went += 1
                return self.lose_all("Ray's head does not answer")
            return super().wait(timeout)

    search = Search(tmp_path, trials=TRIALS, pool=Shaky())
    assert search.driver.run() is Ending.FINISHED
    assert search.store.tests == [expected(search)]


def test_a_cluster_that_stays_away_leaves_the_score_to_a_resumed_search(tmp_path: Path) -> None:
    class Gone(InlinePool):
        def wait(self, timeout: float) -> list[Answer]:
            if self.outage is not None:
                raise ClusterUnreachable("Ray's head does not answer")
            if self._orders and is_test(self._orders[0][1]):
                return self.lose_all("Ray's head does not answer")
            return super().wait(timeout)

    search = Search(tmp_path, trials=TRIALS, pool=Gone())
    with pytest.raises(ClusterUnreachable):
        search.driver.run()
    assert search.store.tests == []
    assert resumed(tmp_path, search).store.tests == [expected(search)]


def test_where_no_trial_is_complete_that_is_stored(tmp_path: Path) -> None:
    memory = InMemoryStudy("study")
    memory.add(create_trial(state=TrialState.PRUNED, value=1.0))
    fault = Disturbed()
    search = Search(tmp_path, trials=1, memory=memory, fault=fault)
    assert search.driver.run() is Ending.FINISHED
    assert search.store.tests == [{"trial": -1}] and fault.begun == []
