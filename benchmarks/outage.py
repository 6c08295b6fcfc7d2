"""A search while PostgreSQL is shut down in the middle of trials and restarted.

    python -m benchmarks.outage [--seconds 60] [--workers 4] [--trials 24]

Once for ``python -m search launch`` on Ray, once for stock Optuna: as many processes of
``study.optimize`` on ``RDBStorage`` with ``pool_pre_ping``. Both use the same server, shut down
with ``pg_ctl stop -m immediate``. The results are read from PostgreSQL by SQL.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from sqlalchemy import text

from benchmarks.markdown import markdown_table
from benchmarks.records import write_result
from benchmarks.stock_worker import REPORTS
from storage.address import parse_address
from storage.database import Database
from tests.chaos.processes import REPOSITORY, RayLauncher
from tests.chaos.runner import Runner
from tests.chaos.schedule import Fault, Schedule
from tests.chaos.server import ChaosServer
from tests.tiny import TINY

__all__ = ["main", "text_of"]

#: Eight evaluations, each of about a second of a core; nothing is pruned, so all are expected.
SETTINGS: dict[str, Any] = {
    **TINY,
    "training": {**TINY["training"], "iterations": 160},
    "evaluation": {"evaluations": REPORTS},
    "search": {"pruner": "none"},
}
SEED = 3_000_000
STOCK_STUDY, STOCK_SECONDS = "stock", 1.0
BEFORE = 3  # trials that end before the shutdown
LONGEST_SECONDS = 900.0  # to wait for stock workers after the outage


def main() -> None:
    """Run both, print the table, and save it as ``results/outage.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", type=int, default=24)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    work = Path(tempfile.mkdtemp(prefix="umss-outage-", dir="/tmp"))
    with ChaosServer.open() as server:
        ours = _ours(server, work, arguments)
        stock = _stock(server, arguments)
    shutil.rmtree(work)
    result = {**vars(arguments), "here": ours, "stock": stock}
    print(text_of(result))
    write_result("outage", result)
    print("\n".join(ours["violations"]))
    sys.exit(1 if ours["violations"] or ours["processes ended"] else 0)


def text_of(result: Mapping[str, Any]) -> str:
    """The table of a result."""
    here, stock = result["here"], result["stock"]
    rows = [(name, here[name], stock[name]) for name in stock]
    return markdown_table(("", "here", "`study.optimize`, `RDBStorage`"), rows)


def _ours(server: ChaosServer, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    runner = Runner(
        server=server,
        launchers={"ray": RayLauncher()},
        cache=work / "cache",
        work=work,
        settings=SETTINGS,
    )
    away = Fault(kind="outage", at=BEFORE, delay=0.5, seconds=arguments.seconds)
    schedule = Schedule(
        seed=SEED,
        engine="ray",
        workers=arguments.workers,
        study_seed=0,
        faults=(away,),
        trials=arguments.trials,
    )
    record, facts = runner.run_and_read(schedule)
    stored = Counter(report.trial for report in facts.reports)
    return {
        "processes ended": record.attempts.get("lost", 0) + len(record.exits) - 1,
        "trials finished": sum(record.states.get(kind, 0) for kind in ("COMPLETE", "PRUNED")),
        "asked for": arguments.trials,
        "failed": record.states.get("FAIL", 0),
        "left running": record.states.get("RUNNING", 0),
        "complete trials that lack reports": sum(
            stored[trial.number] < REPORTS for trial in facts.trials if trial.state == "COMPLETE"
        ),
        "violations": list(record.violations),
    }


def _stock(server: ChaosServer, arguments: argparse.Namespace) -> dict[str, Any]:
    with server.database("stock_outage") as address:
        url = address.replace("postgresql://", "postgresql+psycopg2://")
        optuna.create_study(study_name=STOCK_STUDY, storage=url, direction="maximize")
        command = [sys.executable, "-m", "benchmarks.stock_worker", url, STOCK_STUDY]
        command += [str(arguments.trials), str(STOCK_SECONDS)]
        workers = [
            subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
            for _ in range(arguments.workers)
        ]
        try:
            _wait_for(address, BEFORE)
            time.sleep(STOCK_SECONDS / 2)
            server.tear_down()
            time.sleep(arguments.seconds)
            server.start()
            deadline = time.monotonic() + LONGEST_SECONDS
            while any(worker.poll() is None for worker in workers):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.5)
            ended = sum(worker.poll() not in (None, 0) for worker in workers)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        return {"processes ended": ended, **_counted(address, arguments.trials)}


def _wait_for(address: str, trials: int) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while _states(address)["COMPLETE"] < trials:
        if time.monotonic() > deadline:
            sys.exit("stock Optuna completes nothing")
        time.sleep(0.5)


def _counted(address: str, trials: int) -> dict[str, Any]:
    states = _states(address)
    query = (
        "SELECT count(*) FROM trials t WHERE state = 'COMPLETE' AND (SELECT count(*)"
        f" FROM trial_intermediate_values v WHERE v.trial_id = t.trial_id) < {REPORTS}"
    )
    return {
        "trials finished": states["COMPLETE"] + states["PRUNED"],
        "asked for": trials,
        "failed": states["FAIL"],
        "left running": states["RUNNING"],
        "complete trials that lack reports": _rows_of(address, query)[0][0],
    }


def _states(address: str) -> Counter[str]:
    rows = _rows_of(address, "SELECT state::text, count(*) FROM trials GROUP BY state")
    return Counter(dict(rows))


def _rows_of(address: str, query: str) -> list[Any]:
    with Database(parse_address(address), None) as database:
        with database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


if __name__ == "__main__":
    main()
