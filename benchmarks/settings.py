"""Check that tests of exact values pass with other processors, thread counts and allocators.

    python -m benchmarks.settings [--whole] [--together] [--only NAME ...] [PATH ...]

Each setting is the environment of a separate pytest process; ``--together`` gives all of them to
one. ``--whole`` runs all that ``make test`` runs, two tests at a time. Some settings only work on
the processors of one vendor and are silently ignored on others, so run this on both. Each run
appends one line to ``results/settings.jsonl``.
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

__all__ = ["PATHS", "SETTINGS", "WHOLE", "environment_of", "main", "outcome"]

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
#: Arguments of pytest for what ``make test`` runs.
WHOLE = ("tests", "-m", "not cluster and not long", "--numprocesses", "2", "--dist", "worksteal")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


def main() -> None:
    """Run the tests and print the table; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.settings", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("paths", nargs="*", default=list(PATHS))
    arguments = parser.parse_args()
    tests = WHOLE if arguments.whole else arguments.paths
    if arguments.together:
        try:
            environment_of(arguments.only)
        except ValueError as error:
            parser.error(str(error))
    groups = [arguments.only] if arguments.together else [[name] for name in arguments.only]
    records = [_run(group, tests) for group in groups]
    keys = ("setting", "passed", "failed", "skipped", "seconds")
    print(markdown_table(keys, [[str(record[key]) for key in keys] for record in records]))
    failures = [f"{each['setting']}: {test}" for each in records for test in each["failures"]]
    print("\n".join(failures) or "nothing failed")
    sys.exit(1 if any(each["exit"] for each in records) else 0)


def _run(names: Sequence[str], tests: Sequence[str]) -> dict[str, Any]:
    settings = environment_of(names)
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "OMP_NUM_THREADS": "1", **settings},
        capture_output=True,
        text=True,
    )
    record = {
        "setting": " + ".join(names),
        "environment": settings,
        "paths": list(tests),
        "processor": processor(),
        "torch": torch.__version__,
        "seconds": round(time.monotonic() - began, 1),
        "exit": run.returncode,
        **outcome(run.stdout),
    }
    append_result("settings", [record])
    print(f"{record['setting']}: {record['passed']} passed, {record['failed']} failed", flush=True)
    return record


def environment_of(names: Sequence[str]) -> dict[str, str]:
    """The variables of several settings together.

    Raises:
        ValueError: If two of them want different values of one variable.
    """
    found: dict[str, str] = {}
    for name in names:
        for variable, value in SETTINGS[name].items():
            if found.setdefault(variable, value) != value:
                raise ValueError(
                    f"--together {name!r}: another setting gives {variable} the value"
                    f" {found[variable]!r}; run them apart"
                )
    return found


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
