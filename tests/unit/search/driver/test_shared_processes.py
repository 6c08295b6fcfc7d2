"""A search whose workers have several slots: which trials continue, and which count as lost."""

from pathlib import Path

import pytest

from search.driver.driver import Ending
from search.records.messages import Begin, Continue, Lost, Order, OutOfMemory
from tests.fakes.memory_search import Search
from tests.fakes.pool import Stall
from tests.fakes.training import FakeWorker

#: Fewer than the start-up trials of the sampler.
TRIALS = 12


def same_trials(one: Search, other: Search) -> bool:
    return one.points() == other.points() and one.values() == other.values()


def whys(search: Search) -> list[str]:
    return [entry.why for entry in search.store.attempts()]


def numbers(search: Search) -> list[int]:
    return [trial.number for trial in search.memory.trials()]


@pytest.mark.parametrize(("workers", "slots"), [(1, 4), (2, 2)])
def test_seats_of_one_process_give_the_results_of_four(
    tmp_path: Path, workers: int, slots: int
) -> None:
    four = Search(tmp_path / "four", trials=TRIALS, workers=4)
    shared = Search(tmp_path / "shared", trials=TRIALS, workers=workers, slots=slots)
    for search in (four, shared):
        assert search.driver.run() is Ending.FINISHED
    assert same_trials(four, shared)


def test_a_lost_process_is_lost_for_each_of_its_seats_and_for_no_other(tmp_path: Path) -> None:
    struck: list[str] = []

    def lose_once(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        if worker == "worker-1/1" and isinstance(order, Continue) and not struck:
            struck.append(worker)
            return Lost(reason="its process is gone")
        return None

    undisturbed = Search(tmp_path / "a", trials=TRIALS, workers=2, slots=3)
    undisturbed.driver.run()
    search = Search(tmp_path / "b", trials=TRIALS, workers=2, slots=3, fault=lose_once)
    assert search.driver.run() is Ending.FINISHED
    assert numbers(search) == list(range(TRIALS)) and search.memory.counts().failed == 0
    assert whys(search) == ["lost"] * 3
    lost = [line for line in search.progress.events if "was lost" in line]
    assert sorted(line.split()[0] for line in lost) == ["worker-1/0", "worker-1/1", "worker-1/2"]
    assert search.points() == undisturbed.points()


def test_too_little_memory_lowers_the_slots_says_so_and_costs_no_retry(tmp_path: Path) -> None:
    def too_many(worker: str, order: Order, hosted: FakeWorker) -> OutOfMemory | None:
        if len(search.pool.names) > 2 and isinstance(order, Continue):
            return OutOfMemory(reason="OutOfMemoryError: 80 GiB", traceback="")
        return None

    search = Search(tmp_path, trials=TRIALS, slots=6, fault=too_many)
    assert search.driver.run() is Ending.FINISHED
    assert search.pool.names == ("worker-0/0",)
    assert numbers(search) == list(range(TRIALS)) and search.memory.counts().failed == 0
    assert set(whys(search)) == {"lost"}
    said = [line for line in search.progress.events if "ran out of memory" in line]
    assert said[0].startswith("worker-0 ran out of memory (OutOfMemoryError: 80 GiB) with 6 slots")
    assert "restarts with 3" in said[0] and len(said) == 2


def test_a_trial_that_ends_every_process_fails_and_takes_no_neighbour_with_it(
    tmp_path: Path,
) -> None:
    def end_process(worker: str, order: Order, hosted: FakeWorker) -> Lost | None:
        if isinstance(order, Begin) and order.task.trial == 5:
            return Lost(reason="its process is gone")
        return None

    search = Search(tmp_path, trials=TRIALS, slots=4, fault=end_process)
    assert search.driver.run() is Ending.FINISHED
    failed = [trial.number for trial in search.memory.trials() if trial.state.name == "FAIL"]
    assert failed == [5] and search.memory.counts().finished == TRIALS
    assert set(whys(search)) <= {"lost", "error"}


def test_a_stalled_process_counts_against_none_of_several_seats(tmp_path: Path) -> None:
    stood: list[str] = []

    def stand_still_once(worker: str, order: Order, hosted: FakeWorker) -> Stall | None:
        if isinstance(order, Continue) and len(stood) < 1 and worker == "worker-0/2":
            stood.append(worker)
            return Stall()
        return None

    class Ticking:
        now = 0.0

        def __call__(self) -> float:
            self.now += 0.3
            return self.now

    search = Search(
        tmp_path, trials=TRIALS, slots=3, fault=stand_still_once,
        stall_timeout=60.0, clock=Ticking(),
    )  # fmt: skip
    assert search.driver.run() is Ending.FINISHED
    assert len(search.pool.replaced) == 1 and whys(search) == ["lost"] * 3
    assert any("no progress for 60 s" in line for line in search.progress.events)
    assert numbers(search) == list(range(TRIALS)) and search.memory.counts().failed == 0
