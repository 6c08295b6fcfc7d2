"""Runs one after the other, each recorded, and compared with the undisturbed search."""

import shutil
from pathlib import Path

from tests.chaos.facts import StudyFacts
from tests.chaos.results import append_record
from tests.chaos.runner import Runner
from tests.chaos.schedule import Schedule

__all__ = ["Block"]

UNDISTURBED_SEED = 10**6  # names the folders and databases of undisturbed runs


class Block:
    """Runs one after the other, with the undisturbed runs that they are compared with."""

    def __init__(self, runner: Runner, results: Path) -> None:
        self._runner, self._results = runner, results
        self._undisturbed: dict[tuple[int, int], StudyFacts] = {}

    def run(self, schedule: Schedule) -> bool:
        """Run and record; returns whether the run was clean."""
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
