"""``python -m tests.chaos --from 0 --runs 100``: runs a block of seeds and prints the results.

A seed whose last record is clean is not run again, so that a block can be broken off.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.block import Block
from tests.chaos.processes import Launcher, LightLauncher, RayLauncher
from tests.chaos.results import RESULTS, read_records
from tests.chaos.runner import Runner
from tests.chaos.schedule import TRIALS, draw_schedule
from tests.chaos.server import ChaosServer
from tests.chaos.summary import summary
from tests.fakes.fork_server import fork_server

__all__ = ["main"]


def main() -> None:
    """Run the seeds of a block that have no clean record yet; print the table of all records."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds")
    parser.add_argument("--trials", type=int, default=TRIALS, help="trials of a run")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON lines to append to")
    parser.add_argument("--engine", choices=("light", "ray"), help="only runs of this kind")
    parser.add_argument("--summary", action="store_true", help="only print the table")
    arguments = parser.parse_args()
    clean = True
    if not arguments.summary:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # everything is ended
        clean = _run(arguments)
    print(summary(read_records(arguments.results).values()))
    sys.exit(0 if clean else 1)


def _run(arguments: argparse.Namespace) -> bool:
    launchers: dict[str, Launcher] = {"light": LightLauncher(fork_server()), "ray": RayLauncher()}
    work = Path(tempfile.mkdtemp(prefix="umss-chaos-", dir="/tmp"))
    clean = True
    try:
        with ChaosServer.open() as server:
            runner = Runner(server=server, launchers=launchers, cache=work / "cache", work=work)
            block = Block(runner, arguments.results)
            for seed in range(arguments.first, arguments.first + arguments.runs):
                record = read_records(arguments.results).get(seed)
                schedule = draw_schedule(seed, trials=arguments.trials)
                if arguments.engine in (None, schedule.engine) and not (record and record.clean):
                    clean = block.run(schedule) and clean
    finally:
        if clean:
            shutil.rmtree(work)
        else:
            print(f"the notes of the drivers are in {work}", flush=True)
    return clean


if __name__ == "__main__":
    main()
