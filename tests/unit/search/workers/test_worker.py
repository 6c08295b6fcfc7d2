"""A worker trains several trials at once, and each is the trial it would be alone."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from search.records.jobs import KMEANS, Job
from search.records.messages import (
    Begin,
    Continue,
    Crashed,
    Event,
    OutOfMemory,
    Reported,
    Task,
)
from search.workers import worker
from search.workers.worker import Worker, WorkerSetup
from search.workers.worker_thread import WorkerThread
from tests.fakes.hosted_worker import HostedWorker
from tests.unit.trainer.small import small_config, small_dataset_features
from trainer.engine.shared_runs import SharedRuns
from trainer.records import Report

EVALUATIONS = 3


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], WorkerSetup]:
    dataset_features = small_dataset_features()
    monkeypatch.setattr(worker, "open_dataset_features", lambda folder: dataset_features)
    return lambda slots: WorkerSetup(
        config=small_config(), feature_cache="", device="cpu", slots=slots
    )


def task(folder: Path, trial: int, *, attempt: int = 1) -> Task:
    place = folder / f"trial-{trial}"
    return Task(
        job=Job("trial", trial),
        attempt=attempt,
        params={"lambda_self": 0.1 * trial, "learning_rate": 1e-3 * (1 + trial)},
        seed=trial,
        folder=str(place / f"attempt-{attempt}"),
        earlier=tuple(str(place / f"attempt-{n}") for n in range(1, attempt)),
    )


def alone(setup: WorkerSetup, task: Task) -> list[Report]:
    """The reports of a trial in its own worker."""
    hosted = HostedWorker(setup)
    reports = list(hosted.advance(Begin(task=task)).reports)
    while len(reports) < EVALUATIONS:
        reports += hosted.advance(Continue()).reports
    return reports


def search(hosted: Worker, folder: Path, trials: list[int], slots: int) -> dict[int, list[Report]]:
    """Train the trials: whatever slot is free gets the next one, at once."""
    reports: dict[int, list[Report]] = {trial: [] for trial in trials}
    waiting, free = list(trials), list(range(slots))
    while waiting or hosted.busy:
        while waiting and free:
            hosted.take(free.pop(0), Begin(task=task(folder, waiting.pop(0))))
        for slot, event in hosted.work().items():
            assert isinstance(event, Reported), event
            reports[event.job.trial] += event.reports
            if len(reports[event.job.trial]) < EVALUATIONS - event.job.trial % 2:
                hosted.take(slot, Continue())
            else:
                free.append(slot)
    return reports


@pytest.mark.parametrize("slots", [1, 3])
def test_trials_together_are_the_trials_alone(
    setup: Callable[[int], WorkerSetup], slots: int, tmp_path: Path
) -> None:
    trials = list(range(5))
    found = search(Worker(setup(slots)), tmp_path / "together", trials, slots)
    for trial in trials:
        expected = alone(setup(1), task(tmp_path / "alone", trial))
        assert found[trial] == expected[: EVALUATIONS - trial % 2]


def test_a_trial_of_a_lost_process_resumes_alone_or_beside_others(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    expected = [alone(setup(1), task(tmp_path / "alone", trial)) for trial in (0, 1)]
    lost = Worker(setup(2))
    for slot in (0, 1):
        lost.take(slot, Begin(task=task(tmp_path, slot)))
    events: dict[int, Event] = {}
    while len(events) < 2:
        events |= lost.work()
    fresh = HostedWorker(setup(3))
    for slot, trial in ((2, 0), (0, 1)):
        answer = fresh.advance(Begin(task=task(tmp_path, trial, attempt=2)), slot)
        assert list(answer.reports) == expected[trial][:1]
        assert fresh.advance(Continue(), slot).reports == (expected[trial][1],)


def test_a_run_that_has_not_ended_is_not_scored_on_test(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    """An orphaned worker may have written an early evaluation after the last one."""
    hosted = HostedWorker(setup(1))
    first = task(tmp_path, 1)
    hosted.advance(Begin(task=first))
    on_test = dataclasses.replace(first, job=Job("test", 1), earlier=(first.folder,))
    refused = hosted.answer(Begin(task=on_test))
    assert isinstance(refused, Crashed)
    assert refused.reason == "CheckpointError: its checkpoints end at evaluation 1 of 3"
    late = task(tmp_path, 1, attempt=2)
    ended = alone(setup(1), dataclasses.replace(late, earlier=()))
    assert len(ended) == EVALUATIONS
    both = dataclasses.replace(on_test, earlier=(first.folder, late.folder))
    assert HostedWorker(setup(1)).advance(Begin(task=both)).on_test is not None


def test_an_error_of_one_trial_is_reported_for_its_slot_alone(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    hosted = Worker(setup(2))
    bad = Task(
        job=Job("trial", 9), attempt=1, params={"lambda_self": -1.0}, seed=1, folder=str(tmp_path)
    )
    hosted.take(0, Begin(task=bad))
    hosted.take(1, Begin(task=task(tmp_path, 1)))
    events = hosted.work()
    assert list(events) == [0]
    broken = events[0]
    assert isinstance(broken, Crashed) and broken.reason.startswith("ConfigError: lambda_self")
    while not (events := hosted.work()):
        pass
    event = events[1]
    assert isinstance(event, Reported)
    assert list(event.reports) == alone(setup(1), task(tmp_path / "alone", 1))[:1]


def test_too_little_memory_is_reported_for_every_training_slot(
    setup: Callable[[int], WorkerSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(runs: SharedRuns, slots: Any) -> dict[int, Exception]:
        return dict.fromkeys(slots, torch.OutOfMemoryError("CUDA out of memory"))

    monkeypatch.setattr(SharedRuns, "step", step)
    hosted = Worker(setup(3))
    for slot in (0, 2):
        hosted.take(slot, Begin(task=task(tmp_path, slot)))
    events = hosted.work()
    assert sorted(events) == [0, 2] and not hosted.busy
    assert all(isinstance(event, OutOfMemory) for event in events.values())


def test_too_little_memory_for_the_slots_is_reported_for_the_first_trial(
    setup: Callable[[int], WorkerSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: Any, **more: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "SharedRuns", no_room)
    hosted = Worker(setup(3))  # the process itself starts
    hosted.take(1, Begin(task=task(tmp_path, 1)))
    (event,) = hosted.work().values()
    assert isinstance(event, OutOfMemory)


class Gate:
    """A worker of two slots, one of which answers when it is released."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self._orders: dict[int, Any] = {}

    @property
    def busy(self) -> bool:
        return bool(self._orders)

    def take(self, slot: int, order: Any) -> None:
        if order is None:
            raise ValueError("the worker breaks")
        self._orders[slot] = order

    def iterations(self) -> tuple[int, ...]:
        return (3, 4)

    def work(self) -> dict[int, Any]:
        done = [slot for slot in self._orders if slot == 1 or self.let.is_set()]
        return {slot: self._orders.pop(slot) for slot in done}


def test_a_slot_is_answered_while_its_neighbour_is_at_work() -> None:
    gate: Any = Gate()
    thread: Any = WorkerThread(gate)
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(thread.advance(0, "slow")))
    slow.start()
    assert [thread.advance(1, order) for order in ("a", "b")] == ["a", "b"]
    assert answers == [] and thread.iterations() == (3, 4)
    gate.let.set()
    slow.join(10)
    assert answers == ["slow"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_the_worker_is_reported_for_all_slots_and_later_orders() -> None:
    gate: Any = Gate()
    before = {*threading.enumerate()}
    thread: Any = WorkerThread(gate)
    (broken,) = {*threading.enumerate()} - before
    messages: list[str] = []

    def wait() -> None:
        with pytest.raises(ValueError, match="breaks") as raised:
            thread.advance(0, "slow")
        messages.append(str(raised.value))

    slow = threading.Thread(target=wait)
    slow.start()
    for _ in range(2):
        with pytest.raises(ValueError, match="breaks"):
            thread.advance(1, None)
    slow.join(10)
    broken.join(10)  # or its warning would concern the next test
    assert messages == ["the worker breaks"]


def test_a_reference_clusters_the_frozen_features_and_disturbs_no_trial(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    trial = task(tmp_path / "a", 1)
    expected = alone(setup(1), trial)
    hosted = HostedWorker(setup(2))
    again = task(tmp_path / "b", 1)
    reports = list(hosted.advance(Begin(task=again)).reports)
    reference = Task(
        job=Job("reference", KMEANS, 1), attempt=1, params={}, seed=5, folder=str(tmp_path / "c")
    )
    reported = hosted.advance(Begin(task=reference), slot=1)
    assert len(reported.reports) == EVALUATIONS and not (tmp_path / "c").exists()
    assert reported.reports[-1].cluster.miou > 0
    while len(reports) < EVALUATIONS:
        reports += hosted.advance(Continue()).reports
    assert reports == expected
