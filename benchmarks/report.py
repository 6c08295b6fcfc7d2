"""How long the report of a study takes to write, and how large it is.

    python -m benchmarks.report [--trials 1000] [--quick]

The study is made up (``benchmarks/simulated_study.py``); reading it from a database is not timed.
"""

import argparse
import datetime
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine
from benchmarks.simulated_study import simulated_study
from search.reporting.html.report import write_report

__all__ = ["main", "text"]


def text(record: Mapping[str, Any]) -> str:
    """The measurement in a sentence."""
    threads = "one thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return (
        f"`python -m benchmarks.report` measures a report of {record['trials']:,} made-up trials:"
        f" {record['seconds']:.0f} s and {record['page_mb']:.1f} MB ({record['processor']},"
        f" {threads})."
    )


def main() -> None:
    """Measure, print the table, save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="trials of the study")
    parser.add_argument("--quick", action="store_true", help="a small study; nothing is saved")
    asked = parser.parse_args()
    trials = 30 if asked.quick else asked.trials
    details = simulated_study(trials)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        page = write_report([details], Path(folder), now=datetime.datetime.now(datetime.UTC)).page
        seconds = time.perf_counter() - began
        megabytes = page.stat().st_size / 1e6
        total = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    row = (trials, f"{seconds:.1f}", f"{megabytes:.1f}", f"{total:.1f}")
    print(markdown_table(("trials", "seconds", "page, MB", "with pictures, MB"), [row]))
    if not asked.quick:
        record = {"trials": trials, "seconds": seconds, "page_mb": megabytes, "all_mb": total}
        print(f"saved in {append_result('report', [{**record, **machine(torch.device('cpu'))}])}")


if __name__ == "__main__":
    main()
