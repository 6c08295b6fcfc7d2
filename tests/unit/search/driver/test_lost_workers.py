"""Workers that stall, run out of memory, or are lost with their whole cluster."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.driver.driver import Ending
from search.driver.stalls import LONGEST_GAP, StallWatch
from search.driver.writes import Write
from search.errors import ClusterUnreachable
from search.records.messages import Begin, Continue, Crashed, Lost, Order, OutOfMemory
from search.workers.pool import Answer
from storage.artifact_places import open_artifacts
from tests.fakes.memory_search import Search
from tests.fakes.pool import InlinePool, Stall
from tests.fakes.store import MemoryStore
from tests.fakes.training import FakeWorker
from tests.fakes.waiting import wait_until


class TickingClock:
    """Monotonic seconds that pass with every reading."""

    def __init__(self, step: float) -> None:
        self.now, self._step = 0.0, step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def begun(order: Order, trial: int) -> bool:
    return isinstance(order, Begin) and order.task.trial == trial


def whys(search: Search) -> list[tuple[int, str]]:
    return [(entry.trial, entry.why) for entry in search.store.attempts()]


def test_the_job_of_a_stalled_worker_is_taken_back(tmp_path: Path) -> None:
    stood: list[int] = []

    def stand_still_once(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        if isinstance(order, Continue) and hosted.task.trial == 3 and not stood:
            stood.append(3)
            return Stall()
        return None

    undisturbed = Search(tmp_path / "a", trials=8)
    undisturbed.driver.run()
    search = Search(
        tmp_path / "b", trials=8, fault=stand_still_once,
        stall_timeout=60.0, clock=TickingClock(0.3),
    )  # fmt: skip
    assert search.driver.run() is Ending.FINISHED
    assert search.pool.replaced == ["worker-0"]
    assert whys(search) == [(3, "stalled")]
    stalled = (
        "worker-0 made no progress for 60 s and was restarted; trial 3 continues on the next free"
        " worker, try 2 of 3"
    )
    assert stalled in search.progress.events
    assert search.points() == undisturbed.points()
    assert search.values() == undisturbed.values()


def test_a_trial_whose_only_worker_is_lost_continues_on_the_next_free_one(
    tmp_path: Path,
) -> None:
    lost: list[int] = []

    def lose_once(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        if begun(order, 1) and not lost:
            lost.append(1)
            return Lost(reason="its process ended")
        return None

    search = Search(tmp_path, trials=2, fault=lose_once)
    assert search.driver.run() is Ending.FINISHED
    line = "worker-0 was lost (its process ended); trial 1 continues on the next free worker"
    assert line in search.progress.events


def test_a_trial_that_always_stalls_fails(tmp_path: Path) -> None:
    def stand_still(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        return Stall() if begun(order, 4) else None

    search = Search(
        tmp_path, trials=8, fault=stand_still, stall_timeout=60.0, clock=TickingClock(0.3)
    )
    assert search.driver.run() is Ending.FINISHED
    failed = search.memory.trial(4)
    assert failed.state is TrialState.FAIL and failed.value is None
    assert failed.user_attrs["failure"] == "made no progress for 60 s, 3 times in a row"
    assert whys(search) == [(4, "stalled"), (4, "stalled")]
    assert search.memory.counts().finished == 8


def test_stand_stills_with_progress_between_them_are_not_held_against_a_trial(
    tmp_path: Path,
) -> None:
    def at_every_evaluation(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        return Stall() if isinstance(order, Continue) and hosted.evaluations_made == 1 else None

    search = Search(
        tmp_path, trials=3, fault=at_every_evaluation, stall_timeout=60.0, clock=TickingClock(0.3)
    )
    assert search.driver.run() is Ending.FINISHED
    assert search.memory.counts().failed == 0
    assert len(search.pool.replaced) > 3


def test_iterations_are_progress() -> None:
    clock = TickingClock(1.0)
    watch = StallWatch(10.0, clock)
    watch.begin("a")
    watch.begin("b")
    for iteration in range(30):
        stalled = watch.stalled({"a": iteration, "b": 0})
    assert stalled == ["b"]
    watch.begin("b")  # another order
    assert watch.stalled({"a": 30, "b": 0}) == []
    watch.end("b")
    for iteration in range(30):
        assert watch.stalled({"a": iteration, "b": 0}) == []


def test_a_frozen_driver_does_not_take_its_workers_for_frozen() -> None:
    clock = TickingClock(0.0)
    watch = StallWatch(60.0, clock)
    watch.begin("a")
    clock.now = 100_000.0
    assert watch.stalled({"a": 5}) == []  # it trained meanwhile, but is not known to
    clock.now += LONGEST_GAP
    assert watch.stalled({"a": 5}) == []


@pytest.mark.parametrize("first", ["memory", "error"])
def test_out_of_memory_is_tried_again_like_an_error_and_counted_with_it(
    tmp_path: Path, first: str
) -> None:
    broken: list[str] = []

    def break_trial_two(
        worker: str, order: Order, hosted: FakeWorker
    ) -> OutOfMemory | Crashed | None:
        if not begun(order, 2):
            return None
        broken.append(first if not broken else "memory")
        if broken[-1] == "error":
            return Crashed(reason="RuntimeError: no", traceback="tb")
        return OutOfMemory(reason="OutOfMemoryError: 80 GiB", traceback="tb")

    search = Search(tmp_path, trials=6, fault=break_trial_two)
    assert search.driver.run() is Ending.FINISHED
    failed = search.memory.trial(2)
    assert failed.state is TrialState.FAIL
    assert failed.user_attrs["failure"] == "out of memory: OutOfMemoryError: 80 GiB"
    assert failed.user_attrs["traceback"] == "tb"
    assert whys(search) == [(2, first), (2, "memory")]
    event = "trial 2 ran out of memory (OutOfMemoryError: 80 GiB) and gets a fresh process; try 3"
    assert any(line.startswith(event) for line in search.progress.events)


class ShrinkingCluster(InlinePool):
    """A lost worker finds no room elsewhere, until it is admitted again."""

    def wait(self, timeout: float) -> list[Answer]:
        answers = super().wait(timeout)
        self.absent |= {answer.worker for answer in answers if isinstance(answer.event, Lost)}
        return answers


@pytest.mark.parametrize("lost", ["worker-0", "worker-1"])
def test_a_trial_whose_worker_cannot_restart_continues_on_another(
    tmp_path: Path, lost: str
) -> None:
    def lose(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        if worker == lost and isinstance(order, Continue) and hosted.task.trial >= 2:
            return Lost(reason="its node is gone")
        return None

    search = Search(tmp_path, trials=8, workers=2, pool=ShrinkingCluster(2, lose))
    assert search.driver.run() is Ending.FINISHED
    assert search.pool.absent == {lost}
    assert [why for _, why in whys(search)] == ["lost"] and search.memory.counts().failed == 0
    assert [trial.number for trial in search.memory.trials()] == list(range(8))


class ShakyCluster(InlinePool):
    """Is lost at chosen calls, with all workers, and is back some calls later."""

    def __init__(self, workers: int, *, goes: Callable[[int], bool], back_after: int) -> None:
        super().__init__(workers)
        self._goes, self._back_after = goes, back_after
        self._looks, self._back_at = 0, 0
        self.lost = 0

    def submit(self, worker: str, order: Order) -> None:
        assert self.outage is None, "there are no workers to give an order"
        super().submit(worker, order)

    def wait(self, timeout: float) -> list[Answer]:
        self._looks += 1
        if self.outage is not None:
            if self._looks >= self._back_at:
                self.outage = None
            return []
        if self._orders and self._goes(self._looks):
            self._back_at = self._looks + self._back_after
            answers = self.lose_all("Ray's head at 127.0.0.1:1 does not answer")
            self.lost += len(answers)
            return answers
        return super().wait(timeout)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_lost_cluster_counts_against_no_trial(tmp_path: Path, workers: int) -> None:
    """Each call is one evaluation: no trial ever makes one between two of three outages."""
    undisturbed = Search(tmp_path / "a", trials=6, workers=workers)
    undisturbed.driver.run()
    pool = ShakyCluster(workers, goes=lambda look: look % 3 > 0 and look < 200, back_after=3)
    search = Search(tmp_path / "b", trials=6, workers=workers, pool=pool)
    assert search.driver.run() is Ending.FINISHED
    assert pool.lost > 20 and search.memory.counts().failed == 0
    assert set(why for _, why in whys(search)) == {"lost"}
    gone = "Ray's head at 127.0.0.1:1 does not answer: trials resume from their checkpoints"
    assert any(line.startswith(gone) for line in search.progress.events)
    assert "Ray is back, with new workers" in search.progress.events
    if workers == 1:
        assert search.points() == undisturbed.points()
        assert search.values() == undisturbed.values()


def test_a_cluster_that_stays_away_ends_the_search_with_all_stored(tmp_path: Path) -> None:
    class Gone(InlinePool):
        def wait(self, timeout: float) -> list[Answer]:
            if self.outage is not None:
                raise ClusterUnreachable("Ray's head does not answer")
            if len(search.store.reports()) > 8:
                return self.lose_all("Ray's head does not answer")
            return super().wait(timeout)

    search = Search(tmp_path, trials=20, pool=Gone())
    with pytest.raises(ClusterUnreachable, match="`python -m search resume study` continues"):
        search.driver.run()
    reported = {trial.number: len(trial.intermediate_values) for trial in search.memory.trials()}
    assert sum(reported.values()) == len(search.store.reports())
    assert whys(search)[-1][1] == "lost"


def test_a_stop_while_the_cluster_is_away_ends_at_once(tmp_path: Path) -> None:
    class Gone(InlinePool):
        def wait(self, timeout: float) -> list[Answer]:
            if len(search.store.reports()) > 4 and self.outage is None:
                search.driver.stop("requested")
                return self.lose_all("Ray's head does not answer")
            return super().wait(timeout)

    search = Search(tmp_path, trials=20, pool=Gone())
    assert search.driver.run() is Ending.STOPPED


class SlowStore(MemoryStore):
    """Stores nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        if len(self.entries) > 6:
            assert self.let.wait(10)
        super().apply(entry, possibly_applied=possibly_applied)


def test_a_stop_at_once_leaves_running_trials_and_loses_no_report(tmp_path: Path) -> None:
    store = SlowStore()

    def stand_still(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        if isinstance(order, Continue) and len(hosted._reports) == 4:
            search.driver.stop("once")
            search.driver.stop_at_once("twice")
            threading.Timer(0.05, store.let.set).start()
            return Stall()
        return None

    search = Search(tmp_path, trials=20, fault=stand_still, store=store)
    assert search.driver.run() is Ending.STOPPED
    assert search.driver.stop_reason == "once"
    assert [entry.report.evaluation for entry in store.reports()] == [1, 2, 3, 4]


def test_nodes_without_the_folder_resume_from_the_artifact_store(tmp_path: Path) -> None:
    """Every fifth order ends its node, and with it the folder of checkpoints there."""
    orders = 0
    made: list[FakeWorker] = []
    artifact_store = ArtifactCheckpointStore(open_artifacts(str(tmp_path / "artifacts")), "study")

    def few_are_kept() -> bool:
        """The last two, and those about to be deleted; another thread may be behind."""
        return all(_evaluations(trial) <= 4 for trial in trials_in(tmp_path))

    def lose_node(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        nonlocal orders
        orders += 1
        if hosted not in made:
            made.append(hosted)
        wait_until(few_are_kept)
        if orders % 5:
            return None
        shutil.rmtree(tmp_path / "b", ignore_errors=True)
        return Lost(reason="its node is gone")

    undisturbed = Search(tmp_path / "a", trials=8)
    undisturbed.driver.run()
    search = Search(tmp_path / "b", trials=8, fault=lose_node, artifact_store=artifact_store)
    assert search.driver.run() is Ending.FINISHED
    assert search.points() == undisturbed.points()
    assert search.values() == undisturbed.values()
    assert len(search.store.attempts()) > 5
    assert sum(worker.evaluations_made for worker in made) == len(search.store.reports())
    best = search.memory.best()
    assert best is not None
    assert [path.name for path in trials_in(tmp_path)] == [f"trial-{best.number:05d}"]


def _evaluations(trial: Path) -> int:
    """Kept evaluations of a trial, whose folders another thread may be deleting."""
    names = (name for _, folders, _ in os.walk(trial) for name in folders)
    return sum(name.startswith("evaluation-") for name in names)


def trials_in(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "artifacts" / "study").glob("trial-*"))


def test_a_lost_worker_is_distinguished_from_a_lost_cluster(tmp_path: Path) -> None:
    def lose_trial_four(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        return Lost(reason="its node is gone") if begun(order, 4) else None

    search = Search(tmp_path, trials=6, fault=lose_trial_four)
    search.driver.run()
    assert search.memory.trial(4).user_attrs["failure"] == "worker-0 was lost: its node is gone"
