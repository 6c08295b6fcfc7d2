"""A search of trivial trials through the whole service but the trainer, as a process of its own.

    python -m benchmarks.trivial_search ADDRESS TRIALS WORKERS REPORTS

Driver, write queue, lease and PostgreSQL, and Ray actors whose runs cost nothing. Prints JSON.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import optuna

from benchmarks.statements import count_statements
from search.driver.claiming import create
from search.launch.launching import PREFETCHED
from search.machine.resources import Machine
from search.records.messages import Begin, Event, Order
from search.samplers import preload
from search.workers import ray_pool
from search.workers.cluster import ray_cluster
from search.workers.ray_pool import RayPool
from search.workers.worker import WorkerSetup
from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from storage.studies import get_study
from tests.fakes.search_process import STUDY, new_study, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.training import FakeWorker
from trainer.config.configuration import TrainConfig

__all__ = ["main"]

#: In the folder of the run: the seconds between one trial of a worker and its next.
GAPS = "gaps-{pid}.json"


class _TrivialActor:
    """In place of the pool's actor: a worker whose runs cost nothing, and which notes its gaps."""

    def __init__(self, setup: WorkerSetup, feature_cache: object) -> None:
        self._worker = FakeWorker()
        self._file = Path(setup.feature_cache) / GAPS.format(pid=os.getpid())
        self._answered: float | None = None

    def advance(self, slot: int, order: Order) -> Event:
        assert slot == 0, "the actor has one slot"
        now = time.monotonic()
        if isinstance(order, Begin) and self._answered is not None:
            with self._file.open("a", encoding="ascii") as file:
                file.write(f"{now - self._answered}\n")
        event = self._worker.answer(order)
        self._answered = time.monotonic()
        return event

    def iterations(self) -> tuple[int, ...]:
        return (0,)


def main() -> None:
    """Search, then print what it took."""
    address, trials, workers, reports = sys.argv[1:]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with (
        TemporaryDirectory() as folder,
        open_database(parse_address(address)) as database,
        mock.patch.object(ray_pool, "_Actor", _TrivialActor),
    ):
        _create(database, int(trials), int(workers), int(reports))
        print(json.dumps(_search(database, Path(folder), int(workers))))


def _create(database: Database, trials: int, workers: int, reports: int) -> None:
    new = new_study(trials, workers=workers)
    config = dict(new.config)
    config["search"] = {**config["search"], "pruner": "none"}
    config["evaluation"] = {**config["evaluation"], "evaluations": reports}
    lag = workers + PREFETCHED
    create(database, STUDY, dataclasses.replace(new, config=config, lag=lag))


def _search(database: Database, folder: Path, workers: int) -> dict[str, Any]:
    machine = Machine(device="cpu", workers=workers)
    setup = WorkerSetup(config=TrainConfig(), feature_cache=str(folder), device="cpu")
    preload()  # as a launch does
    with (
        Lease.acquire(database, STUDY) as lease,
        contextlib.closing(session_of(database, lease, folder)) as session,
        ray_cluster(machine) as cluster,
    ):
        counts = count_statements(session._storage.engine)
        pool = RayPool(setup, cluster, count=workers, gpu_share=0.0, patience=60.0)
        session.drive(pool, SilentProgress())
        gaps = [float(line) for path in folder.glob("gaps-*") for line in path.open()]
    assert get_study(database.engine, STUDY).finished_at is not None
    return {**dataclasses.asdict(counts), "gaps": gaps}


if __name__ == "__main__":
    main()
