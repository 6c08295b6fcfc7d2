"""Eight workers, 200 trivial trials, twenty times: always 200, even after a restart.

    python -m benchmarks.exact [--times 20] [--trials 200] [--workers 8]

The driver is a separate process; write queue, lease and PostgreSQL are the real ones, and the
workers are eight processes that compute nothing. Trials are counted by SQL, and the checker of the
chaos suite (``tests/chaos/checker.py``) checks everything else in the study.
"""

import argparse
import dataclasses
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.markdown import markdown_table
from benchmarks.records import write_result
from tests.chaos.processes import LightLauncher
from tests.chaos.runner import Runner
from tests.chaos.schedule import Schedule
from tests.chaos.server import ChaosServer
from tests.tiny import TINY

__all__ = ["main", "text"]

#: Two evaluations per trial, so that workers ask often.
SETTINGS: dict[str, Any] = {
    **TINY,
    "evaluation": {"evaluations": 2},
    "search": {"pruner": "none"},
}
FIRST_SEED = 2_000_000


def main() -> None:
    """Run, print the table, and save it as ``results/exact.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exact", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--workers", type=int, default=8)
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="umss-exact-", dir="/tmp"))
    launcher = LightLauncher(multiprocessing.get_context("forkserver"))
    with ChaosServer.open() as server:
        runner = Runner(
            server=server,
            launchers={"light": launcher},
            cache=work / "cache",
            work=work,
            settings=SETTINGS,
            trivial=True,
        )
        runs = [_run(runner, arguments, turn) for turn in range(arguments.times)]
    shutil.rmtree(work)
    result = {"trials": arguments.trials, "workers": arguments.workers, "runs": runs}
    print(text(result))
    write_result("exact", result)
    wrong = [violation for run in runs for violation in run["violations"]]
    print("\n".join(wrong) or f"{arguments.trials} each time, also when started again")
    sys.exit(1 if wrong else 0)


def _run(runner: Runner, arguments: argparse.Namespace, turn: int) -> dict[str, Any]:
    began = time.monotonic()
    schedule = Schedule(
        seed=FIRST_SEED + turn,
        engine="light",
        workers=arguments.workers,
        study_seed=turn,
        faults=(),
        trials=arguments.trials,
    )
    record = runner.run(schedule)
    print(f"run {turn}: {record.states}", flush=True)
    return {
        "finished": sum(record.states.get(state, 0) for state in ("COMPLETE", "PRUNED")),
        "trials": sum(record.states.values()),
        "seconds": time.monotonic() - began,
        **{key: dataclasses.asdict(record)[key] for key in ("states", "exits", "violations")},
    }


def text(result: Mapping[str, Any]) -> str:
    """The table of a result."""
    runs = result["runs"]
    rows = [
        ("searches", len(runs)),
        ("workers", result["workers"]),
        ("trials asked for", result["trials"]),
        ("finished, fewest and most", _span([run["finished"] for run in runs])),
        (
            "in the database after a restart, fewest and most",
            _span([r["trials"] for r in runs]),
        ),
        ("violations found by the checker", sum(len(run["violations"]) for run in runs)),
        ("seconds per search, fewest and most", _span([round(run["seconds"]) for run in runs])),
    ]
    return markdown_table(("", ""), rows)


def _span(numbers: Sequence[int]) -> str:
    return f"{min(numbers)}, {max(numbers)}"


if __name__ == "__main__":
    main()
