"""A worker in a process of its own: the real trainer, which breaks on order and notes its work."""

import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from search.records.jobs import Job
from search.records.messages import Begin, Crashed, Order, Reported, Task
from search.workers.worker import Worker, WorkerSetup
from tests.chaos.work import WORK_FILE
from tests.fakes.training import FakeWorker
from trainer.engine.run import Run
from trainer.records import Report

__all__ = ["Given", "serve", "worker_prefix"]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a worker is given when it starts."""

    #: None for a trainer that costs nothing.
    setup: WorkerSetup | None
    #: Where it notes its work.
    folder: Path
    #: Trials that break whenever they are tried.
    broken: tuple[int, ...] = ()
    #: Trials that break the first time.
    stumbling: tuple[int, ...] = ()


class OnOrder(Exception):
    """The trainer breaks because the schedule says so."""


class _Hosted(Protocol):
    def advance(self, order: Order) -> Reported: ...


def worker_prefix(name: str) -> str:
    """What the processes of a pool's workers are called."""
    return f"umss-{name}"


def serve(name: str, connection: Connection, given: object) -> None:
    """Obey orders until the driver is gone."""
    assert isinstance(given, Given)
    notes = _Notes(given.folder)
    hosted = _host(given, notes)
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        answer: Reported | Crashed
        try:
            answer = _obey(hosted, order, given, notes)
        except Exception as error:  # noqa: BLE001 - as Ray does: whatever it is, it is told
            answer = Crashed(
                reason=f"{type(error).__name__}: {error}", traceback=traceback.format_exc()
            )
        connection.send(answer)


def _host(given: Given, notes: "_Notes") -> _Hosted:
    """A worker that notes every interval that it trains."""
    if given.setup is None:
        return _NotedFake(notes)
    train = Run.advance

    def noted(run: Run, on_iteration: Callable[[int], None] | None = None) -> Report:
        notes.write("begin")
        report = train(run, on_iteration)
        notes.write("end", evaluation=report.evaluation)
        return report

    run_type: Any = Run
    run_type.advance = noted
    return Worker(given.setup)


class _NotedFake:
    """A trainer that costs nothing."""

    def __init__(self, notes: "_Notes") -> None:
        self._worker, self._notes = FakeWorker(), notes

    def advance(self, order: Order) -> Reported:
        made = self._worker.evaluations_made
        reported = self._worker.advance(order)
        if self._worker.evaluations_made > made:
            self._notes.write("begin")
            self._notes.write("end", evaluation=reported.reports[-1].evaluation)
        return reported


def _obey(hosted: _Hosted, order: Order, given: Given, notes: "_Notes") -> Reported:
    match order:
        case Begin(task=Task(job=Job(kind="trial")) as task):
            notes.start_queued(task.trial, task.attempt)
            _break(task.trial, given)
    return hosted.advance(order)


def _break(trial: int, given: Given) -> None:
    if trial in given.broken:
        raise OnOrder(f"trial {trial} breaks on order")
    if trial in given.stumbling:
        mark = given.folder / f"stumbled-{trial}"
        if not mark.exists():
            mark.touch()
            raise OnOrder(f"trial {trial} stumbles on order")


class _Notes:
    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(folder / WORK_FILE, flags, 0o644)
        self._trial, self._attempt = -1, -1

    def start_queued(self, trial: int, attempt: int) -> None:
        self._trial, self._attempt = trial, attempt

    def write(self, what: str, **more: object) -> None:
        line = {"at": time.time(), "what": what, "trial": self._trial, "attempt": self._attempt}
        os.write(self._file, (json.dumps({**line, **more}) + "\n").encode())
