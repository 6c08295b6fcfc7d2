"""A worker in its own process: the real trainer, which notes its work and fails on schedule."""

import dataclasses
import json
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from search.records.jobs import Job
from search.records.messages import Begin, Event, Order, Reported, Task
from search.workers.failures import failure_event
from search.workers.worker import Worker, WorkerSetup
from tests.chaos.work import ALL_STRUCK, WORK_FILE
from tests.fakes.training import FakeWorker
from trainer.engine.run import Run
from trainer.engine.shared_runs import Attempt, SharedRuns
from trainer.records import Report

__all__ = ["WorkerOptions", "serve", "worker_prefix"]


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Options of a worker."""

    #: None for a fake trainer, which takes no time.
    setup: WorkerSetup | None
    #: Where it notes its work.
    folder: Path
    #: Trials that it trains at the same time.
    slots: int = 1
    #: Trials that break whenever they are tried.
    broken: tuple[int, ...] = ()
    #: Trials that break the first time.
    stumbling: tuple[int, ...] = ()
    #: Trials from this number on begin once all faults have struck, so that no fault comes too
    #: late where it takes longer than the search; None delays no trial.
    held_from: int | None = None


#: How often a worker that holds an order looks whether it may carry it out.
HELD_SECONDS = 0.02
#: How long it holds one: some faults strike only a driver that has stored something.
LONGEST_HOLD = 10.0


class ScheduledError(Exception):
    """The scheduled failure of the trainer."""


class _Hosted(Protocol):
    @property
    def busy(self) -> bool: ...

    def take(self, slot: int, order: Order) -> None: ...

    def work(self) -> Mapping[int, Event]: ...


def worker_prefix(name: str) -> str:
    """The name of the processes of a pool's workers."""
    return f"umss-{name}"


def serve(name: str, connection: Connection, given: object) -> None:
    """Carry out orders until the driver is gone."""
    assert isinstance(given, WorkerOptions)
    notes = _Notes(given.folder)
    hosted = _host(given, notes)
    orders = _Orders(connection, given)
    try:
        while True:
            for slot, order in orders.due(wait=not hosted.busy):
                with Attempt() as attempt:
                    _take(hosted, slot, order, given, notes)
                if attempt.error is not None:
                    connection.send((slot, failure_event(attempt.error)))
            if hosted.busy:
                for event in hosted.work().items():
                    connection.send(event)
    except (EOFError, OSError):
        return


class _Orders:
    """The driver's orders, some of which wait until all faults have struck."""

    def __init__(self, connection: Connection, given: WorkerOptions) -> None:
        self._connection, self._given = connection, given
        self._received: list[tuple[int, Order]] = []
        self._held_since = time.monotonic()

    def due(self, *, wait: bool) -> list[tuple[int, Order]]:
        """Orders to carry out now; with ``wait``, the next ones if there are none yet."""
        patience = (HELD_SECONDS if self._received else None) if wait else 0
        while self._connection.poll(patience):
            self._received.append(self._connection.recv())
            patience = 0
        if not any(self._is_last(order) for _, order in self._received):
            self._held_since = time.monotonic()
        struck = (self._given.folder / ALL_STRUCK).exists()
        struck |= time.monotonic() - self._held_since > LONGEST_HOLD
        due = [each for each in self._received if struck or not self._is_last(each[1])]
        self._received = [each for each in self._received if each not in due]
        return due

    def _is_last(self, order: Order) -> bool:
        match order:
            case Begin(task=Task(job=Job(kind="trial")) as task):
                return self._given.held_from is not None and task.trial >= self._given.held_from
        return False


def _host(given: WorkerOptions, notes: "_Notes") -> _Hosted:
    """A worker that notes every interval that it trains."""
    if given.setup is None:
        return _NotedFake(notes, given.slots)
    step, report = SharedRuns.step, Run.report

    def noted_step(runs: SharedRuns, slots: Collection[int]) -> Mapping[int, Exception]:
        for run in map(runs.run, slots):
            if run.iteration == (run.reports[-1].iteration if run.reports else 0):
                notes.write("begin", run.slot)
        return step(runs, slots)

    def noted_report(run: Run) -> Report:
        made = report(run)
        notes.write("end", run.slot, evaluation=made.evaluation)
        return made

    runs_type: Any = SharedRuns
    runs_type.step = noted_step
    run_type: Any = Run
    run_type.report = noted_report
    return Worker(dataclasses.replace(given.setup, slots=given.slots))


class _NotedFake:
    """Fake trainers, which take no time; one per slot."""

    def __init__(self, notes: "_Notes", slots: int) -> None:
        self._workers = [FakeWorker() for _ in range(slots)]
        self._orders: dict[int, Order] = {}
        self._notes = notes

    @property
    def busy(self) -> bool:
        return bool(self._orders)

    def take(self, slot: int, order: Order) -> None:
        self._orders[slot] = order

    def work(self) -> dict[int, Event]:
        slot, order = self._orders.popitem()
        worker = self._workers[slot]
        made = worker.evaluations_made
        with Attempt() as attempt:
            event = worker.answer(order)
        if attempt.error is not None:
            return {slot: failure_event(attempt.error)}
        if worker.evaluations_made > made:
            assert isinstance(event, Reported)
            self._notes.write("begin", slot)
            self._notes.write("end", slot, evaluation=event.reports[-1].evaluation)
        return {slot: event}


def _take(hosted: _Hosted, slot: int, order: Order, given: WorkerOptions, notes: "_Notes") -> None:
    match order:
        case Begin(task=Task(job=Job(kind="trial")) as task):
            notes.start_queued(slot, task.trial, task.attempt)
            _break(task.trial, given)
    hosted.take(slot, order)


def _break(trial: int, given: WorkerOptions) -> None:
    if trial in given.broken:
        raise ScheduledError(f"trial {trial} fails as scheduled")
    if trial in given.stumbling:
        mark = given.folder / f"stumbled-{trial}"
        if not mark.exists():
            mark.touch()
            raise ScheduledError(f"trial {trial} fails once as scheduled")


class _Notes:
    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(folder / WORK_FILE, flags, 0o644)
        self._begun: dict[int, tuple[int, int]] = {}

    def start_queued(self, slot: int, trial: int, attempt: int) -> None:
        self._begun[slot] = trial, attempt

    def write(self, what: str, slot: int, **more: object) -> None:
        trial, attempt = self._begun[slot]
        line = {"at": time.time(), "what": what, "trial": trial, "attempt": attempt}
        os.write(self._file, (json.dumps({**line, **more}) + "\n").encode())
