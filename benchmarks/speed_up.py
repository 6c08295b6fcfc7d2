"""Record what a change of the trainer gained: time of a step, and scores, before and after.

    python -m benchmarks.speed_up --before REVISION --what TEXT [--pre-norm l2] [--seeds 5]

Runs the revision before (a git worktree of it) and this checkout in turns: steps of the published
size, and complete runs of the preset ``rooms`` with the same seeds. Scores are compared seed by
seed; the p-value is that of a paired t-test. Appends a line to ``results/speed_up.jsonl``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine, processor_text
from search.machine.versions import code_revision

__all__ = ["main", "paired_p", "text"]

ROOT = Path(__file__).parents[1]
SIDES = ("before", "after")
BATCHES = (8, 32)


class _Side:
    """A process with the packages of one revision."""

    def __init__(self, checkout: Path, cache: Path) -> None:
        script = str(ROOT / "benchmarks" / "speed_up_side.py")
        environment = {
            **os.environ, "PYTHONPATH": str(checkout), "UMSS_CACHE": str(cache),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, script], env=environment, text=True, cwd=checkout,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, *words: object) -> Any:
        """The answer to a line."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(*words, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"the process for {words} ended: see its error above")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def _sides(revision: str) -> Iterator[dict[str, _Side]]:
    with TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(before), revision], check=True)
        checkouts = {"before": before, "after": ROOT}
        sides = {
            name: _Side(path, Path(folder) / f"cache-{name}") for name, path in checkouts.items()
        }
        try:
            yield sides
        finally:
            for side in sides.values():
                side.close()
            subprocess.run([*git, "remove", "--force", str(before)], check=True)


def main() -> None:
    """Measure, print the table, save the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed_up", description=__doc__)
    parser.add_argument("--before", required=True, help="revision to compare with")
    parser.add_argument("--what", required=True, help="what changed, in a few words")
    parser.add_argument("--pre-norm", default="standardise", help="of the runs on rooms")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with _sides(asked.before) as sides:
        steps = {str(batch): _steps(sides, batch, asked.repeats) for batch in BATCHES}
        scores = [
            {name: side.ask("scores", seed, asked.pre_norm) for name, side in sides.items()}
            for seed in range(1, asked.seeds + 1)
        ]
    record = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "what": asked.what,
        "before": _revision(asked.before),
        "after": code_revision(),
        "pre_norm": asked.pre_norm,
        "steps": steps,
        "scores": scores,
        **machine(torch.device("cpu")),
    }
    print(text([record]))
    print(f"saved to {append_result('speed_up', [record])}")


def _steps(sides: Mapping[str, _Side], batch: int, repeats: int) -> dict[str, list[float]]:
    """Seconds of steps in turns, after two that are not timed."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 2):
        for name, side in sides.items():
            seconds = side.ask("step", batch)
            if repeat >= 2:
                found[name].append(round(seconds, 4))
    return found


def _revision(name: str) -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def paired_p(differences: Sequence[float]) -> float:
    """The two-sided p-value of a paired t-test; 1 if all differences are 0."""
    from scipy.special import stdtr  # lazily: pages read only texts

    deviation = statistics.stdev(differences)
    if deviation == 0:
        return 1.0 if not any(differences) else 0.0
    t = statistics.fmean(differences) / (deviation / len(differences) ** 0.5)
    return float(2 * stdtr(len(differences) - 1, -abs(t)))


def text(records: Sequence[Mapping[str, Any]]) -> str:
    """All records as a table."""
    header = (
        "date", "what changed", "revision before", "machine",
        *(f"step at batch {batch}, s: before, after" for batch in BATCHES),
        "seeds", "change of val mIoU: cluster probe", "linear probe",
    )  # fmt: skip
    return markdown_table(header, [_row(record) for record in records])


def _row(record: Mapping[str, Any]) -> tuple[object, ...]:
    steps = []
    for batch in BATCHES:
        before, after = (statistics.median(record["steps"][str(batch)][side]) for side in SIDES)
        steps.append(f"{before:.2f}, {after:.2f} ({after / before:.2f})")
    changes = []
    for probe in ("cluster", "linear"):
        differences = [each["after"][probe] - each["before"][probe] for each in record["scores"]]
        p = paired_p(differences)
        changes.append(f"{statistics.fmean(differences):+.2f} (p = {p:.2f})")
    return (
        record["date"], record["what"], record["before"][:7], processor_text(record),
        *steps, len(record["scores"]), *changes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
