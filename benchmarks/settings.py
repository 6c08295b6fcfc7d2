"""Check that tests of exact values pass with other processors, thread counts and allocators.

    python -m benchmarks.settings [--only NAME ...] [PATH ...]

Each setting is the environment of a separate pytest process. Some settings only work on the
processors of one vendor and are silently ignored on others, so run this on both. Each run appends
one line to ``results/settings.jsonl``.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, processor

__all__ = ["PATHS", "SETTINGS", "main", "outcome"]

#: Name to the environment variables.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "as it is": {},
    "PyTorch's AVX2 code": {"ATEN_CPU_CAPABILITY": "avx2"},
    "PyTorch's plain code": {"ATEN_CPU_CAPABILITY": "default"},
    "MKL, any processor": {"MKL_CBWR": "COMPATIBLE"},
    "MKL, AVX2": {"MKL_CBWR": "AVX2"},
    "MKL, AVX-512": {"MKL_CBWR": "AVX512"},
    "MKL, AVX2 instructions": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "MKL, debug type 5": {"MKL_DEBUG_CPU_TYPE": "5"},
    "oneDNN, AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "oneDNN, SSE 4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "one arena": {"MALLOC_ARENA_MAX": "1"},
    "all allocations mapped": {"MALLOC_MMAP_THRESHOLD_": "1"},
    "room at the heap's top": {"MALLOC_TOP_PAD_": "8388608"},
    "memory is filled": {"MALLOC_PERTURB_": "165"},
    "two threads": {"OMP_NUM_THREADS": "2", "UMSS_TEST_THREADS": "2"},
}
#: Tests that compare values and do not start Ray.
PATHS = ("tests/unit/trainer", "tests/integration/trainer")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


def main() -> None:
    """Run the tests and print the table; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settings", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("paths", nargs="*", default=list(PATHS))
    arguments = parser.parse_args()
    records = [_run(name, arguments.paths) for name in arguments.only]
    keys = ("setting", "passed", "failed", "skipped", "seconds")
    print(markdown_table(keys, [[str(record[key]) for key in keys] for record in records]))
    failures = [f"{each['setting']}: {test}" for each in records for test in each["failures"]]
    print("\n".join(failures) or "nothing failed")
    sys.exit(1 if any(each["exit"] for each in records) else 0)


def _run(name: str, paths: Sequence[str]) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **SETTINGS[name]}
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
        env=environment,
        capture_output=True,
        text=True,
    )
    record = {
        "setting": name,
        "environment": dict(SETTINGS[name]),
        "paths": list(paths),
        "processor": processor(),
        "torch": torch.__version__,
        "seconds": round(time.monotonic() - began, 1),
        "exit": run.returncode,
        **outcome(run.stdout),
    }
    append_result("settings", [record])
    print(f"{name}: {record['passed']} passed, {record['failed']} failed", flush=True)
    return record


def outcome(output: str) -> dict[str, Any]:
    """The counts in pytest's output, and the tests that failed.

    Args:
        output: Output of a quiet run with a summary (``-q -ra``).
    """
    last = output.rstrip().rpartition("\n")[2]
    counts = {kind.rstrip("s"): int(number) for number, kind in COUNT.findall(last)}
    return {
        "passed": counts.get("passed", 0),
        "failed": counts.get("failed", 0) + counts.get("error", 0),
        "skipped": counts.get("skipped", 0),
        "failures": FAILED.findall(output),
    }


if __name__ == "__main__":
    main()
