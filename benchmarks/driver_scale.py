"""How many seats can one driver have? A simulated cluster, on a real driver and PostgreSQL.

    python -m benchmarks.driver_scale [--seats 1000] [--rate 200] [--seconds 600] [--quick]

Stand-in workers report on a clock of their own, 20 times a trial, whatever the driver does. After
the given time at the given rate, the rate is raised until the driver falls behind, and the profile
of its threads says which part gave in. What a seat would train is not simulated.
"""

import argparse
import contextlib
import dataclasses
import gc
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import optuna
import torch
from rich.console import Console

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine, processor_text
from benchmarks.stand_ins import StandInPool
from benchmarks.statements import count_statements
from benchmarks.thread_profile import ThreadProfile
from search.driver.claiming import create
from search.driver.session import Session
from search.launch.launching import PREFETCHED
from search.machine.versions import code_revision
from search.progress.progress import Progress, open_progress
from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from tests.chaos.server import ChaosServer
from tests.fakes.search_process import STUDY, new_study, session_of

__all__ = ["main", "text"]

EVALUATIONS = 20
RAMP_SECONDS = 20.0  # at each higher rate
SETTLE_SECONDS = 10.0  # after the seats have begun, before anything is counted
FASTER = 1.5  # each rate, against the one before
LATE_SECONDS = 0.1  # an answer that the driver hears later than that was late
REACHED = 0.95  # of the rate asked: below that the driver falls behind
MOST_TRIALS = 1_000_000
DEPTH_SECONDS = 0.1  # between two looks at the write queue


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """What was seen at one rate."""

    rate: float
    seconds: float
    reports_per_second: float
    #: Trials that the study has at the end of the stage, in any state.
    trials: int
    #: Trials that ended during the stage.
    ended: int
    #: Milliseconds after which the driver heard of an answer: median, 95th percentile, largest.
    lateness_ms: tuple[float, float, float]
    #: Percent of the answers that it heard late.
    late: float
    #: Milliseconds between a seat's answer and its next order.
    idle_ms: tuple[float, float, float]
    #: Entries in the write queue.
    queue: tuple[float, float, float]
    #: Milliseconds of the longest garbage collection, during which no thread does anything.
    collection_ms: float
    #: Percent of a core that the driver's process used.
    cpu: float
    #: Megabytes that it has at the end.
    megabytes: float
    statements_per_report: float
    commits_per_report: float
    #: Percent of each thread's time, by what it did.
    profile: dict[str, dict[str, float]]
    #: Percent of each thread's time that it was not waiting for work.
    busy: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether the driver kept up."""
        return self.reports_per_second >= REACHED * self.rate and self.queue[1] < self.rate


class _Collections:
    """Times the garbage collections of this process."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        del info
        if phase == "start":
            self._began = time.monotonic()
        else:
            self.seconds.append(time.monotonic() - self._began)

    def __enter__(self) -> Self:
        gc.callbacks.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        gc.callbacks.remove(self)


class _Watch:
    """Counts statements and commits of a session, and measures its stages."""

    def __init__(self, session: Session, pool: StandInPool, driver_thread: int) -> None:
        self._session, self._pool, self._driver_thread = session, pool, driver_thread
        self._counts = count_statements(session._storage.engine)

    def stage(self, rate: float, seconds: float) -> Stage:
        """Have the seats report at a rate for some time."""
        self._pool.rate = rate
        self._pool.take_notes()
        before, ended = dataclasses.replace(self._counts), self._session.memory.ended
        began, cpu = time.monotonic(), time.process_time()
        with _Collections() as collections, ThreadProfile(self._threads()) as profile:
            depths = list(self._depths(began + seconds))
        passed, cpu = time.monotonic() - began, time.process_time() - cpu
        late, idle = self._pool.take_notes()
        reports = max(1, len(late))
        return Stage(
            rate=rate,
            seconds=passed,
            reports_per_second=len(late) / passed,
            trials=len(self._session.memory),
            ended=self._session.memory.ended - ended,
            lateness_ms=_spread(late, 1000),
            late=100 * sum(each > LATE_SECONDS for each in late) / reports,
            idle_ms=_spread(idle, 1000),
            queue=_spread(depths, 1),
            collection_ms=1000 * max(collections.seconds, default=0.0),
            cpu=100 * cpu / passed,
            megabytes=_megabytes(),
            statements_per_report=(self._counts.statements - before.statements) / reports,
            commits_per_report=(self._counts.commits - before.commits) / reports,
            profile=profile.shares(),
            busy={thread: profile.busy(thread) for thread in ("driver", "write queue")},
        )

    def _depths(self, until: float) -> Iterator[float]:
        driver = self._session._driver
        assert driver is not None
        while time.monotonic() < until:
            time.sleep(DEPTH_SECONDS)
            yield driver._write_queue.state.waiting

    def _threads(self) -> dict[str, int]:
        writing = [thread for thread in threading.enumerate() if "write queue" in thread.name]
        assert len(writing) == 1 and writing[0].ident is not None
        return {"driver": self._driver_thread, "write queue": writing[0].ident}


def main() -> None:
    """Run, print the table, keep the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver_scale", description=__doc__)
    parser.add_argument("--seats", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0, help="reports per second")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--quick", action="store_true", help="20 s; no result is kept")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if arguments.quick:
        arguments.seconds = min(arguments.seconds, 20.0)
    with ChaosServer.open() as server, server.database("driver_scale") as address:
        stages = _measure(address, arguments)
    record = _record(stages, arguments)
    print(text(record))
    if not arguments.quick:
        print(f"kept in {append_result('driver_scale', [record])}")
    sys.exit(0 if all(stage.holds and stage.ended for stage in stages[:2]) else 1)


def _measure(address: str, arguments: argparse.Namespace) -> list[Stage]:
    stages: list[Stage] = []
    with TemporaryDirectory() as folder, open_database(parse_address(address)) as database:
        _create(database, arguments)
        with (
            Lease.acquire(database, STUDY) as lease,
            contextlib.closing(session_of(database, lease, Path(folder))) as session,
        ):
            pool = StandInPool(arguments.seats, arguments.rate)
            watch = _Watch(session, pool, threading.get_ident())
            control = threading.Thread(target=_control, args=(session, watch, arguments, stages))
            control.start()
            with _unseen() as progress:
                session.drive(pool, progress)
            control.join()
    return stages


@contextlib.contextmanager
def _unseen() -> Iterator[Progress]:
    """The lines that a search writes to a log, which nobody reads here."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nothing,
        open_progress(Console(file=nothing), plain=True) as progress,
    ):
        yield progress


def _create(database: Database, arguments: argparse.Namespace) -> None:
    new = new_study(MOST_TRIALS)
    config = dict(new.config)
    config["search"] = {**config["search"], "sampler": arguments.sampler}
    config["evaluation"] = {**config["evaluation"], "evaluations": EVALUATIONS}
    lag = arguments.seats + PREFETCHED
    create(database, STUDY, dataclasses.replace(new, config=config, lag=lag))


def _control(
    session: Session, watch: _Watch, arguments: argparse.Namespace, stages: list[Stage]
) -> None:
    """The stages, from a thread of its own; then the driver is stopped."""
    try:
        interval = arguments.seats / arguments.rate
        while session._driver is None or len(session._driver._trial_queue.busy) < arguments.seats:
            time.sleep(0.1)
        time.sleep(SETTLE_SECONDS + interval)
        half = arguments.seconds / 2
        stages += [watch.stage(arguments.rate, half) for _ in range(2)]
        rate = arguments.rate
        while stages[-1].holds and not (arguments.quick and len(stages) > 2):
            rate *= FASTER
            watch.stage(rate, arguments.seats / rate)  # every seat has come to the new rate
            stages.append(watch.stage(rate, RAMP_SECONDS))
    finally:
        session.stop("the benchmark is over")
        session.stop_at_once("the benchmark is over")


def _spread(values: Sequence[float], scale: float) -> tuple[float, float, float]:
    """Median, 95th percentile and maximum."""
    if not values:
        return (0.0, 0.0, 0.0)
    found = np.quantile(np.asarray(values) * scale, [0.5, 0.95, 1.0])
    middle, high, most = (round(float(value), 2) for value in found)
    return middle, high, most


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table, and what the driver's threads did at the last rate."""
    stages = [Stage(**stage) for stage in record["stages"]]
    header = (
        "reports/s asked", "reached", "late %", "late ms p50/p95/max", "seat idle ms p50/p95/max",
        "longest collection ms", "queue p50/p95/max", "CPU %", "MB", "trials", "ended meanwhile",
        "statements/report", "commits/report",
    )  # fmt: skip
    rows = [
        (
            stage.rate,
            stage.reports_per_second,
            stage.late,
            _joined(stage.lateness_ms),
            _joined(stage.idle_ms),
            f"{stage.collection_ms:.0f}",
            _joined(stage.queue),
            stage.cpu,
            stage.megabytes,
            stage.trials,
            stage.ended,
            f"{stage.statements_per_report:.2f}",
            f"{stage.commits_per_report:.3f}",
        )
        for stage in stages
    ]
    last = stages[-1]
    seats, where = (
        record["arguments"]["seats"],
        f"{processor_text(record)}, {record['cores']} cores",
    )
    lines = [
        f"{seats:,} seats; {where}, load {record['load']:.1f}:", "",
        markdown_table(header, rows), "",
        f"At {last.rate:.0f} reports a second:", "",
    ]  # fmt: skip
    for thread, shares in last.profile.items():
        parts = ", ".join(f"{what} {share:.0f} %" for what, share in shares.items())
        lines.append(f"- {thread}: busy {last.busy[thread]:.0f} %: {parts}")
    return "\n".join(lines)


def _joined(values: tuple[float, float, float]) -> str:
    return " / ".join(f"{value:.0f}" if value >= 10 else f"{value:.1f}" for value in values)


def _record(stages: Sequence[Stage], arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "revision": code_revision(),
        "cores": os.cpu_count(),
        **machine(torch.device("cpu")),
        "load": os.getloadavg()[0],
        "arguments": vars(arguments),
        "stages": [
            {
                key: round(value, 3) if isinstance(value, float) else value
                for key, value in dataclasses.asdict(stage).items()
            }
            for stage in stages
        ],
    }


if __name__ == "__main__":
    main()
