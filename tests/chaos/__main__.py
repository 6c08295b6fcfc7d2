"""``python -m tests.chaos --from 0 --runs 100``: runs of a block of seeds, and what they show.

A seed whose last record is clean is not run again, so that a block can be broken off.
"""

import argparse
import multiprocessing
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.facts import StudyFacts
from tests.chaos.processes import LightLauncher, RayLauncher
from tests.chaos.results import RESULTS, append_record, read_records
from tests.chaos.runner import Runner
from tests.chaos.schedule import TRIALS, Schedule, draw_schedule
from tests.chaos.server import ChaosServer
from tests.chaos.summary import summary

__all__ = ["Block", "main"]

UNDISTURBED_SEED = 10**6  # names the folders and databases of undisturbed runs


class Block:
    """Runs one after the other, with the undisturbed runs that they are compared with."""

    def __init__(self, runner: Runner, results: Path) -> None:
        self._runner, self._results = runner, results
        self._undisturbed: dict[tuple[int, int], StudyFacts] = {}

    def run(self, schedule: Schedule) -> bool:
        """Run, record and tell; whether it was clean."""
        undisturbed = self._undisturbed_of(schedule) if schedule.comparable else None
        record = self._runner.run(schedule, undisturbed=undisturbed)
        append_record(record, self._results)
        kinds = ", ".join(f"{struck.kind} {struck.seconds:g}" for struck in record.faults)
        verdict = "clean" if record.clean else "NOT CLEAN"
        print(
            f"run {record.seed}: {verdict}, {record.seconds:.0f} s, {record.engine},"
            f" {record.workers} workers, {kinds or 'no faults'}",
            flush=True,
        )
        for violation in record.violations:
            print(f"  {violation}", flush=True)
        if record.clean:
            shutil.rmtree(self._runner.work / f"chaos_{schedule.seed}")
        return record.clean

    def _undisturbed_of(self, schedule: Schedule) -> StudyFacts:
        key = (schedule.study_seed, schedule.trials)
        if key not in self._undisturbed:
            quiet = Schedule(
                seed=UNDISTURBED_SEED + schedule.study_seed,
                engine="light",
                workers=1,
                study_seed=schedule.study_seed,
                faults=(),
                trials=schedule.trials,
            )
            record, self._undisturbed[key] = self._runner.run_and_read(quiet)
            assert record.clean, f"an undisturbed run is not clean: {record.violations}"
            shutil.rmtree(self._runner.work / f"chaos_{quiet.seed}")
        return self._undisturbed[key]


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
    context = multiprocessing.get_context("forkserver")
    launchers = {"light": LightLauncher(context), "ray": RayLauncher()}
    work = Path(tempfile.mkdtemp(prefix="umss-chaos-", dir="/tmp"))
    clean = True
    with ChaosServer.open() as server:
        runner = Runner(server=server, launchers=launchers, cache=work / "cache", work=work)
        block = Block(runner, arguments.results)
        for seed in range(arguments.first, arguments.first + arguments.runs):
            record = read_records(arguments.results).get(seed)
            schedule = draw_schedule(seed, trials=arguments.trials)
            if arguments.engine in (None, schedule.engine) and not (record and record.clean):
                clean = block.run(schedule) and clean
    if clean:
        shutil.rmtree(work)
    else:
        print(f"what the drivers noted is in {work}", flush=True)
    return clean


if __name__ == "__main__":
    main()
