"""What a trial costs that computes nothing: this service, plain Optuna, and Ray Tune.

    python -m benchmarks.trivial_trials [--trials 200] [--repeats 3] [--tune PYTHON] [--quick]

Each draws seven parameters by TPE and reports five times, on the same PostgreSQL, with two
workers: processes of ``study.optimize``, actors of Ray Tune, or actors of this service. The
repeats take turns; Ray Tune runs once. Times are those of the whole process, and from the start of
the first trial to the end of the last one as PostgreSQL has them. Ray Tune is an extra of Ray's,
which this project does not install: give the Python of an environment with ``ray[tune]``, Optuna
and psycopg2.

The first trial starts before the workers of this service and of Ray Tune have imported anything,
and after those of plain Optuna have. The seconds from the end of the first trial to the end of
the last one leave every start out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import sqlalchemy
import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine, processor_text
from search.machine.versions import code_revision, package_versions
from storage.address import parse_address
from storage.database import Database
from tests.chaos.processes import REPOSITORY
from tests.chaos.server import ChaosServer

__all__ = ["main", "text"]

WORKERS, REPORTS, PARAMETERS = 2, 5, 7
TUNE_REPEATS = 1  # it takes minutes
OURS, PLAIN, TUNE = "this service", "study.optimize, 2 processes", "Ray Tune, OptunaSearch"
PLAIN_STUDY = "plain"
LONGEST_SECONDS = 1800.0
#: Trials; seconds from the first trial's start, and from its end, to the last one's end.
SPANS = (
    "SELECT count(*), extract(epoch FROM max(datetime_complete) - min(datetime_start)),"
    " extract(epoch FROM max(datetime_complete) - min(datetime_complete))"
    " FROM trials WHERE state IN ('COMPLETE', 'PRUNED')"
)
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"

Run = dict[str, Any]


def main() -> None:
    """Run in turns, print the table, keep the result."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trivial_trials", description=__doc__
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tune", default=sys.executable, help="Python with ray[tune]")
    parser.add_argument("--quick", action="store_true", help="40 trials; no result is kept")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if arguments.quick:
        arguments.trials, arguments.repeats = 40, 1
    runs = _measure(arguments)
    result = {
        "trials": arguments.trials,
        "repeats": arguments.repeats,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "revision": code_revision(),
        "versions": package_versions(),
        **machine(torch.device("cpu")),
        "runs": runs,
    }
    print(text(result))
    if not arguments.quick:
        print(f"kept in {append_result('trivial_trials', [result])}")


def _measure(arguments: argparse.Namespace) -> dict[str, list[Run]]:
    ways: dict[str, Callable[[str], Run]] = {
        OURS: lambda address: _ours(address, arguments.trials),
        PLAIN: lambda address: _plain(address, arguments.trials),
    }
    if _has_tune(arguments.tune):
        ways[TUNE] = lambda address: _tune(address, arguments.trials, arguments.tune)
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    with ChaosServer.open() as server:
        for repeat in range(arguments.repeats):
            for number, (name, way) in enumerate(ways.items()):
                if name == TUNE and repeat >= TUNE_REPEATS:
                    continue
                with server.database(f"trivial_{repeat}_{number}") as address:
                    runs[name].append(_timed(way, address, arguments.trials))
    return runs


def _timed(way: Callable[[str], Run], address: str, trials: int) -> Run:
    with Database(parse_address(address), None) as database:
        before = _scalar(database, COMMITS)
        began = time.monotonic()
        run = way(address)
        run["process seconds"] = time.monotonic() - began
        time.sleep(1.5)  # until the server's statistics are there
        run.setdefault("commits", _scalar(database, COMMITS) - before)
        with database.engine.connect() as connection:
            finished, seconds, running = connection.execute(sqlalchemy.text(SPANS)).one()
    assert finished == trials, f"{finished} trials are finished"
    return {**run, "seconds": float(seconds), "running seconds": float(running)}


def _scalar(database: Database, query: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(sqlalchemy.text(query)).scalar_one())


def _ours(address: str, trials: int) -> Run:
    arguments = [address, str(trials), str(WORKERS), str(REPORTS)]
    output = _run([sys.executable, "-m", "benchmarks.trivial_search", *arguments])
    run: Run = json.loads(output.splitlines()[-1])
    run["gap p95 ms"] = 1000 * float(np.quantile(run.pop("gaps"), 0.95))
    return run


def _plain(address: str, trials: int) -> Run:
    url = _url(address)
    sampler = optuna.samplers.TPESampler(n_startup_trials=20)
    storage = optuna.storages.RDBStorage(url)
    optuna.create_study(
        study_name=PLAIN_STUDY, storage=storage, direction="maximize", sampler=sampler
    )
    storage.engine.dispose()
    command = [sys.executable, "-m", "benchmarks.plain_search", url, PLAIN_STUDY]
    command += [str(trials // WORKERS), str(REPORTS), str(PARAMETERS)]
    workers = [
        subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) for _ in range(WORKERS)
    ]
    outputs = [worker.communicate(timeout=LONGEST_SECONDS)[0] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers), "a worker failed"
    counts = [json.loads(output) for output in outputs]
    return {key: sum(count[key] for count in counts) for key in ("statements", "commits")}


def _tune(address: str, trials: int, python: str) -> Run:
    numbers = (trials, WORKERS, REPORTS, PARAMETERS)
    script = str(Path(__file__).with_name("tune_search.py"))
    _run([python, script, _url(address), "tune", *map(str, numbers)])
    return {}


def _has_tune(python: str) -> bool:
    command = [python, "-c", "import ray.tune, optuna, psycopg2"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LONGEST_SECONDS,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{command[:3]} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def _url(address: str) -> str:
    return address.replace("postgresql://", "postgresql+psycopg2://")


def text(result: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    header = (
        f"{result['trials']} trials, {WORKERS} workers", "running, s (min / median / max)",
        "ratio of medians", "with the workers' start, s", "whole process, s",
        "statements per trial", "commits per trial", "gap p95, ms",
    )  # fmt: skip
    runs: Mapping[str, Sequence[Run]] = result["runs"]
    ours = statistics.median(run["running seconds"] for run in runs[OURS])
    rows: list[tuple[object, ...]] = []
    for name in (OURS, PLAIN, TUNE):
        if name not in runs:
            rows.append((name, "not measured: ray[tune] is not installed", *[""] * 6))
            continue
        found = runs[name]
        rows.append(
            (
                name,
                _spread([run["running seconds"] for run in found]),
                statistics.median(run["running seconds"] for run in found) / ours,
                _spread([run["seconds"] for run in found]),
                _spread([run["process seconds"] for run in found]),
                _per_trial(found, "statements", result["trials"]),
                _per_trial(found, "commits", result["trials"]),
                _spread([run["gap p95 ms"] for run in found]) if name == OURS else "",
            )
        )
    load = f"{result['cores']} cores, load {result['load']:.1f} at the end"
    return f"{processor_text(result)}, {load}:\n\n{markdown_table(header, rows)}"


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.1f} / {statistics.median(values):.1f} / {max(values):.1f}"


def _per_trial(runs: Sequence[Run], key: str, trials: int) -> str:
    if any(key not in run for run in runs):
        return ""
    return f"{statistics.median(run[key] for run in runs) / trials:.1f}"


if __name__ == "__main__":
    main()
