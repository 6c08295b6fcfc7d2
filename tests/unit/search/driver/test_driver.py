"""The driver against workers and a store in memory: counts, order, retries, stops."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.driver import write_queue
from search.driver.driver import Ending
from search.driver.running_trial import adopt_trial
from search.driver.writes import AddTrial, EndTrial, StoreReport, StoreTest
from search.errors import FailureBudget
from search.records.messages import Begin, Continue, Crashed, Lost, Order
from storage.errors import DatabaseUnreachable, EmbeddedError
from tests.fakes.memory_search import EVALUATIONS, Search
from tests.fakes.store import MemoryStore
from tests.fakes.training import FakeWorker
from tests.unit.search.builders import curves


def test_ends_with_exactly_the_target_and_numbers_without_a_gap(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=30, workers=3)
    assert search.driver.run() is Ending.FINISHED
    assert [entry.trial for entry in search.store.added()] == list(range(30))
    assert sorted(entry.trial for entry in search.store.ended()) == list(range(30))
    assert search.memory.counts().finished == 30
    assert search.memory.counts().running == 0


@pytest.mark.parametrize("failing", [frozenset(), frozenset({3, 4})])
def test_it_ends_with_exactly_a_target_that_was_raised(
    failing: frozenset[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where trials fail, each of which takes one more number."""
    monkeypatch.setattr(write_queue, "CHECK_SECONDS", 0.001)

    def fault(worker: str, order: Order, hosted: FakeWorker) -> Crashed | None:
        if isinstance(order, Begin) and order.task.job.trial == 5:
            store.asked_for_trials = 14
        if isinstance(order, Begin) and order.task.job.trial in failing:
            return Crashed(reason="on order", traceback="")
        return None

    store = MemoryStore()
    search = Search(tmp_path, trials=10, workers=2, fault=fault, store=store)
    assert search.driver.run() is Ending.FINISHED
    counts = search.memory.counts()
    assert (counts.finished, counts.failed) == (14, len(failing))
    assert len(search.memory) == 14 + len(failing)
    assert search.progress.events.count("extended to 14 trials, as requested") == 1


def test_an_early_request_gives_the_search_of_a_larger_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beyond the start-up trials, where points depend on the trials before."""
    monkeypatch.setattr(write_queue, "CHECK_SECONDS", 0.001)
    larger = Search(tmp_path / "larger", trials=26)
    larger.driver.run()
    store = MemoryStore()
    store.asked_for_trials = 26
    extended = Search(tmp_path / "extended", trials=22, store=store)
    extended.driver.run()
    assert extended.points() == larger.points() and len(larger.points()) == 26
    assert extended.values() == larger.values()


def test_a_trial_is_stored_before_its_first_report_and_ended_after_its_last(
    tmp_path: Path,
) -> None:
    search = Search(tmp_path, trials=10, workers=2)
    search.driver.run()
    order: dict[int, list[type]] = {}
    for entry in search.store.entries:
        assert not isinstance(entry, StoreTest)
        order.setdefault(entry.trial, []).append(type(entry))
    for kinds in order.values():
        assert kinds[0] is AddTrial and kinds[-1] is EndTrial
        assert set(kinds[1:-1]) == {StoreReport}


def test_trials_are_drawn_by_count(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=12, workers=1, in_flight=3)
    search.driver.run()
    ended, drawn = 0, 0
    for entry in search.store.entries:
        if isinstance(entry, AddTrial):
            assert ended == max(0, entry.trial - 3 + 1 - 1 if entry.trial < 3 else entry.trial - 3)
            drawn += 1
        ended += isinstance(entry, EndTrial)
    assert drawn == 12


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    first, second = Search(tmp_path / "a"), Search(tmp_path / "b")
    first.driver.run()
    second.driver.run()
    assert first.points() == second.points()
    assert first.values() == second.values()


def test_collapsed_runs_are_pruned_with_their_reason(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=40)
    search.driver.run()
    collapsed = [p["b_self"] < 0.1 for p in search.points()]
    assert any(collapsed)
    for trial, expected in zip(search.memory.trials(), collapsed, strict=True):
        assert (trial.user_attrs.get("prune_kind") == "collapsed") is expected
        assert not expected or "largest cluster" in trial.user_attrs["prune_reason"]


def test_a_lost_worker_changes_nothing(tmp_path: Path) -> None:
    """Workers die at every fifth order; each trial resumes from its checkpoint."""
    orders = 0

    def lose(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        nonlocal orders
        orders += 1
        return Lost(reason="killed") if orders % 5 == 0 else None

    undisturbed = Search(tmp_path / "a")
    disturbed = Search(tmp_path / "b", fault=lose)
    undisturbed.driver.run()
    disturbed.driver.run()
    assert disturbed.points() == undisturbed.points()
    assert disturbed.values() == undisturbed.values()
    assert len(disturbed.store.attempts()) > 10
    assert len(disturbed.store.reports()) == len(undisturbed.store.reports())


def test_errors_are_tried_again_and_then_fail_and_are_replaced(tmp_path: Path) -> None:
    def break_trial_four(worker: str, order: Order, hosted: FakeWorker) -> Crashed | None:
        begun = isinstance(order, Begin) and order.task.trial == 4
        return Crashed(reason="OutOfMemoryError: no", traceback="tb") if begun else None

    search = Search(tmp_path, trials=20, fault=break_trial_four)
    assert search.driver.run() is Ending.FINISHED
    counts = search.memory.counts()
    assert (counts.finished, counts.failed) == (20, 1)
    assert len(search.memory) == 21
    failed = search.memory.trial(4)
    assert failed.state is TrialState.FAIL and failed.value is None
    assert failed.user_attrs["failure"] == "OutOfMemoryError: no"
    assert [entry.why for entry in search.store.attempts()] == ["error", "error"]


def test_a_trial_that_passes_on_its_second_attempt_does_not_fail(tmp_path: Path) -> None:
    broken: set[int] = set()

    def break_once(worker: str, order: Order, hosted: FakeWorker) -> Crashed | None:
        if isinstance(order, Continue) and hosted.task.trial not in broken:
            broken.add(hosted.task.trial)
            return Crashed(reason="RuntimeError: once", traceback="tb")
        return None

    undisturbed, search = Search(tmp_path / "a"), Search(tmp_path / "b", fault=break_once)
    undisturbed.driver.run()
    search.driver.run()
    assert search.memory.counts().failed == 0
    assert search.values() == undisturbed.values()


def test_a_trial_that_loses_every_worker_fails_in_the_end(tmp_path: Path) -> None:
    def lose_trial_four(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        begun = isinstance(order, Begin) and order.task.trial == 4
        return Lost(reason="killed by the kernel") if begun else None

    search = Search(tmp_path, trials=10, fault=lose_trial_four)
    search.driver.run()
    assert search.memory.trial(4).state is TrialState.FAIL
    assert search.memory.counts().finished == 10


def test_stops_when_the_first_three_trials_fail(tmp_path: Path) -> None:
    def always(worker: str, order: Order, hosted: FakeWorker) -> Crashed:
        return Crashed(reason="ImportError: no", traceback="tb")

    search = Search(tmp_path, fault=always)
    with pytest.raises(FailureBudget) as caught:
        search.driver.run()
    assert str(caught.value) == (
        "3 of the last 3 trials failed, so the search stopped: `python -m search status study"
        " --failures` shows their errors; fix the cause, then run `python -m search resume study`"
    )
    assert search.memory.counts().failed == 3
    assert len(search.store.ended()) == 3  # stored, so that their errors can be shown

    adopted = [
        adopt_trial(trial, None)
        for trial in search.memory.trials()
        if not trial.state.is_finished()
    ]
    resumed = Search(tmp_path, trials=5, memory=search.memory, adopted=adopted)
    assert resumed.driver.run() is Ending.FINISHED
    assert resumed.memory.counts().finished == 5


def test_stops_when_more_than_four_of_twenty_fail(tmp_path: Path) -> None:
    def every_third(worker: str, order: Order, hosted: FakeWorker) -> Crashed | None:
        begun = isinstance(order, Begin) and order.task.trial % 3 == 1
        return Crashed(reason="RuntimeError: no", traceback="tb") if begun else None

    search = Search(tmp_path, trials=60, fault=every_third)
    with pytest.raises(FailureBudget, match="5 of the last"):
        search.driver.run()


def test_an_outage_is_waited_out_in_order(tmp_path: Path) -> None:
    undisturbed = Search(tmp_path / "a", trials=8)
    undisturbed.driver.run()
    away = Search(tmp_path / "b", trials=8, store=MemoryStore(away_at={3, 10, 11, 30}))
    away.driver.run()
    assert away.points() == undisturbed.points()
    assert away.values() == undisturbed.values()
    assert len(away.store.entries) == len(undisturbed.store.entries)
    assert len(away.store.doubtful) == 3


def test_an_outage_beyond_patience_ends_the_search(tmp_path: Path) -> None:
    store = MemoryStore(away_at=set(range(5, 1000)))
    search = Search(tmp_path, store=store, patience=0.3)
    with pytest.raises(DatabaseUnreachable, match="`python -m search resume study` continues it"):
        search.driver.run()
    assert len(store.entries) == 4


def test_stop_finishes_the_evaluation_in_hand_and_keeps_the_trial(tmp_path: Path) -> None:
    def stop_at_trial_five(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Begin) and order.task.trial == 5:
            search.driver.stop("requested")

    search = Search(tmp_path, trials=30, fault=stop_at_trial_five)
    assert search.driver.run() is Ending.STOPPED
    assert search.memory.counts().finished == 5
    assert search.memory.trial(5).state is TrialState.RUNNING
    assert search.memory.trial(5).last_step == 1
    assert len(search.store.reports()) == sum(len(c) for c in curves(search.memory).values())


def test_a_request_to_stop_in_the_store_is_obeyed(tmp_path: Path) -> None:
    store = MemoryStore()
    store.asked_to_stop = True

    def slow(worker: str, order: Order, hosted: FakeWorker) -> None:
        import time

        time.sleep(0.05)

    search = Search(tmp_path, trials=500, store=store, fault=slow)
    assert search.driver.run() is Ending.STOPPED
    assert search.memory.counts().finished < 500


def test_checkpoints_of_ended_trials_are_deleted_except_the_best(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=25)
    search.driver.run()
    best = search.memory.best()
    assert best is not None
    left = [path.name for path in (tmp_path.glob("*/trial-*"))]
    assert left == [f"trial-{best.number:05d}"]


def test_a_server_that_does_not_start_again_at_once_is_waited_for(tmp_path: Path) -> None:
    class Stubborn(MemoryStore):
        def revive(self) -> None:
            raise EmbeddedError("the embedded server does not start: no space")

    search = Search(tmp_path, trials=6, store=Stubborn(away_at={4, 5}))
    assert search.driver.run() is Ending.FINISHED


def test_a_stop_at_the_last_evaluation_is_the_end(tmp_path: Path) -> None:
    def stop_at_the_end(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Begin) and order.task.trial == 7:
            search.stopping = True
        if search.stopping and len(hosted._reports) == EVALUATIONS - 1:
            search.driver.stop("requested")

    search = Search(tmp_path, trials=8, fault=stop_at_the_end)
    assert search.driver.run() is Ending.FINISHED
    assert search.memory.counts().finished == 8


def test_an_outage_does_not_idle_the_workers_that_are_left(tmp_path: Path) -> None:
    """A worker dies in an outage: its trial waits to be stored, the others continue."""
    store = MemoryStore(away_at=set(range(12, 16)))
    lost: list[int] = []

    def lose_once(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        if store._tries >= 12 and not lost and isinstance(order, Continue):
            lost.append(hosted.task.trial)
            return Lost(reason="killed")
        return None

    search = Search(tmp_path, trials=12, workers=2, fault=lose_once, store=store)
    assert search.driver.run() is Ending.FINISHED
    assert lost and search.memory.counts().finished == 12
    assert [entry.trial for entry in search.store.added()] == list(range(12))
