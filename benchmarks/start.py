"""How long commands take to start: those that read, and a launch up to its first report.

    python -m benchmarks.start [--repeats 5] [--trials 4] [--quick]

A warm launch is timed from outside, by what it stores: its process begins, the study is created,
the first evaluation is reported, the study is finished, the process ends. Reading commands run
on the same database, with its embedded server running and with a server that each command has
to start and stop. Seconds of processor time stand beside wall time, since the latter depends on
what else runs; ``load`` is the load average before and after.
"""

import argparse
import datetime
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sqlalchemy import func, select

from benchmarks.markdown import markdown_table
from benchmarks.measuring import Timing, append_result, machine, machine_text
from storage.address import parse_address
from storage.database import open_database
from storage.models import ReportRow
from storage.studies import get_study

__all__ = ["main", "text"]

READERS = ("list", "status", "best")
PHASES = ("study created", "first report", "study finished", "process ended")


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A command's seconds."""

    wall: tuple[float, ...]
    #: Of the processor, in the command's process and those that it waited for.
    processor: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where the benchmark's searches store what they make."""

    root: Path

    @property
    def storage(self) -> str:
        """Address of the embedded database."""
        return f"embedded:{self.root / 'postgres'}"

    def command(self, *arguments: str) -> list[str]:
        """A command of ``python -m search`` on the database."""
        return [sys.executable, "-m", "search", *arguments, "--storage", self.storage]

    def launch(self, study: str, trials: int) -> list[str]:
        """A search of the preset ``rooms`` with two workers."""
        places = ("--cache", str(self.root / "cache"), "--checkpoints", str(self.root / "runs"))
        size = ("--trials", str(trials), "--workers", "2")
        return self.command(
            "launch", "--plain", "--oversubscribe", "--study", study, *size, *places
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the table, append to ``results/start.jsonl``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="once each; no result is kept")
    asked = parser.parse_args(arguments)
    repeats, trials = (1, 1) if asked.quick else (asked.repeats, asked.trials)
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="umss-start-", dir="/tmp") as root:
        Path(root).chmod(0o711)  # root's PostgreSQL runs under another account
        folders = Folders(root=Path(root))
        launches = [_launch(folders, f"study-{index}", trials) for index in range(repeats + 1)]
        timed = {f"launch, {phase}": _phase(launches[1:], phase) for phase in PHASES}
        timed |= _readers(folders, repeats)
    load.append(os.getloadavg()[0])
    record = {
        "rows": [_row(what, each) for what, each in timed.items()],
        "load": [round(each, 1) for each in load],
        "cores": len(os.sched_getaffinity(0)),
        **machine(torch.device("cpu")),
    }
    print(text(record))
    if not asked.quick:
        append_result("start", [record])


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    header = ("what", "seconds: min / median / max", "processor, s")
    rows = [
        (
            row["what"],
            Timing(seconds=tuple(row["wall"])).text(),
            f"{statistics.median(row['processor']):.2f}" if row["processor"] else "",
        )
        for row in record["rows"]
    ]
    before, after = record["load"]
    load = f"{record['cores']} cores; load {before} before, {after} after"
    return f"{machine_text(record)}; {load}:\n\n{markdown_table(header, rows)}"


def _launch(folders: Folders, study: str, trials: int) -> dict[str, float]:
    """Seconds from the start of a launch's process to each phase; the first is not warm."""
    began = time.time()
    subprocess.run(folders.launch(study, trials), check=True, stdout=subprocess.DEVNULL)
    ended = time.time()
    with open_database(parse_address(folders.storage)) as database:
        record = get_study(database.engine, study)
        first = select(func.min(ReportRow.stored_at)).where(ReportRow.study == study)
        with database.engine.connect() as connection:
            reported: datetime.datetime = connection.execute(first).scalar_one()
    assert record.finished_at is not None, "a launch that succeeds finishes its study"
    times = (record.created_at, reported, record.finished_at)
    seconds = [each.timestamp() - began for each in times]
    return dict(zip(PHASES, [*seconds, ended - began], strict=True))


def _phase(launches: Sequence[dict[str, float]], phase: str) -> Timed:
    return Timed(wall=tuple(launch[phase] for launch in launches), processor=())


def _readers(folders: Folders, repeats: int) -> dict[str, Timed]:
    timed = {}
    for verb in READERS:
        timed[f"{verb}, server started and stopped"] = _times(folders.command(verb), repeats)
    with open_database(parse_address(folders.storage)):
        for verb in READERS:
            timed[f"{verb}, server running"] = _times(folders.command(verb), repeats)
    return timed


def _times(command: Sequence[str], repeats: int) -> Timed:
    wall, processor = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), _processor_seconds()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall.append(time.perf_counter() - began)
        processor.append(_processor_seconds() - used)
    return Timed(wall=tuple(wall), processor=tuple(processor))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(what: str, timed: Timed) -> dict[str, Any]:
    return {
        "what": what,
        "wall": [round(each, 3) for each in timed.wall],
        "processor": [round(each, 3) for each in timed.processor],
    }


if __name__ == "__main__":
    main()
