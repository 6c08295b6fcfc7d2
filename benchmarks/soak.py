"""Many trials in a row, to find resources that grow but should not.

    python -m benchmarks.soak [--trials 20000] [--minutes 30] [--workers 2]

The real command on Ray with tiny runs on ``rooms``, and more trials than the time allows. Every
few seconds it records the private memory of the driver and the workers (what would be free if
they ended), their open files, the search's connections to PostgreSQL, and the finished trials.
Slopes are least squares over all records after the first 200 trials.
"""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks.markdown import markdown_table
from benchmarks.records import write_result
from storage.address import parse_address
from storage.database import Database
from storage.errors import DatabaseUnreachable
from tests.chaos.driver_options import DriverOptions
from tests.chaos.processes import RayLauncher, Running, below
from tests.chaos.server import ChaosServer
from tests.tiny import TINY

__all__ = ["main", "text_of"]

SETTLED = 200  # trials after which nothing should grow any more
NOTE_SECONDS = 5.0
STOP_SECONDS = 300.0
MOST_MEGABYTES = 1.0  # growth per 100 trials
MOST_FILES = 1.0  # growth per 100 trials
MOST_CONNECTIONS = 3
WORKER_TITLE = "ray::_Actor"

FINISHED = "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED', 'FAIL')"
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'unim2-search%'
AND pid <> pg_backend_pid()  -- this program's own
"""


@dataclass(frozen=True, kw_only=True)
class Note:
    """Measurements at one moment."""

    minutes: float
    trials: int
    connections: int
    #: Megabytes and open files of the driver and of each worker, by name.
    megabytes: Mapping[str, float]
    files: Mapping[str, int]


def main() -> None:
    """Run, print the table, and save it as ``results/soak.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--trials", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="umss-soak-", dir="/tmp"))
    with ChaosServer.open() as server, server.database("soak") as address:
        notes = _soak(work, address, arguments)
    shutil.rmtree(work)
    rows, wrong = _judged(notes)
    result = {
        "trials": notes[-1].trials,
        "minutes": notes[-1].minutes,
        "workers": arguments.workers,
        "table": rows,
        "notes": [vars(note) for note in notes],
    }
    print("\n".join((text_of(result), *wrong)))
    write_result("soak", result)
    sys.exit(1 if wrong else 0)


def text_of(result: Mapping[str, Any]) -> str:
    """The table of a result."""
    header = (
        f"{result['trials']} trials, {result['minutes']:.0f} min, {result['workers']} workers",
        "after 200 trials",
        "at the end",
        "peak",
        "growth per 100 trials",
    )
    return markdown_table(header, result["table"])


def _soak(work: Path, address: str, arguments: argparse.Namespace) -> list[Note]:
    options = DriverOptions(
        study="soak",
        address=address,
        folder=work,
        cache=work / "cache",
        checkpoints=work / "checkpoints",
        trials=arguments.trials,
        workers=arguments.workers,
        study_seed=0,
        settings=TINY,
    )
    driver = RayLauncher().start(options, "driver")
    try:
        notes = list(_watch(driver, address, arguments.minutes))
        driver.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while driver.ended() is None and time.monotonic() < deadline:
            time.sleep(0.5)
        return notes
    finally:
        driver.end()


def _watch(driver: Running, address: str, minutes: float) -> Iterator[Note]:
    """Records until the driver ends, or the minutes since the first trial have passed."""
    began: float | None = None
    with Database(parse_address(address), None) as database:
        while driver.ended() is None:
            time.sleep(NOTE_SECONDS)
            with contextlib.suppress(DatabaseUnreachable, FileNotFoundError, ProcessLookupError):
                with database.engine.connect() as connection:
                    trials = int(connection.execute(text(FINISHED)).scalar_one())
                    connections = int(connection.execute(text(CONNECTIONS)).scalar_one())
                if not trials:
                    continue
                began = began or time.monotonic()
                passed = (time.monotonic() - began) / 60
                yield _note(driver.pid, trials, connections, passed)
                if passed >= minutes:
                    return


def _note(driver: int, trials: int, connections: int, minutes: float) -> Note:
    workers = below(driver, WORKER_TITLE)
    processes = {"driver": driver, **{f"worker {n}": pid for n, pid in enumerate(workers)}}
    return Note(
        minutes=minutes,
        trials=trials,
        connections=connections,
        megabytes={name: _megabytes(pid) for name, pid in processes.items()},
        files={name: _files(pid) for name, pid in processes.items()},
    )


def _megabytes(pid: int) -> float:
    """Memory that only this process uses."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
    return sum(kilobytes) / 1024


def _files(pid: int) -> int:
    """Number of open files, including sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _judged(notes: Sequence[Note]) -> tuple[list[tuple[object, ...]], list[str]]:
    """The table's rows, and a line for everything that grew too much."""
    settled = [note for note in notes if note.trials >= min(SETTLED, notes[-1].trials // 2)]
    rows: list[tuple[object, ...]] = []
    wrong = []
    for unit, most in (("megabytes", MOST_MEGABYTES), ("files", MOST_FILES)):
        for name in getattr(settled[-1], unit):
            there = [note for note in settled if name in getattr(note, unit)]
            seen = [float(getattr(note, unit)[name]) for note in there]
            growth = _slope([note.trials for note in there], seen)
            shown = [round(value, 1) for value in (seen[0], seen[-1], max(seen))]
            rows.append((f"{name}, {unit}", *shown, f"{growth:.3f}"))
            if growth >= most:
                wrong.append(f"{unit} of the {name} grow by {growth:.2f} per 100 trials")
    connections = [note.connections for note in notes]
    rows.append(("connections", connections[0], connections[-1], max(connections), ""))
    if max(connections) > MOST_CONNECTIONS:
        wrong.append(f"there were {max(connections)} connections")
    return rows, wrong


def _slope(trials: Sequence[int], seen: Sequence[float]) -> float:
    """Growth per 100 trials by least squares."""
    if len(set(trials)) < 2:
        return 0.0
    return float(np.polyfit(np.asarray(trials, float), np.asarray(seen), 1)[0]) * 100


if __name__ == "__main__":
    main()
