"""How long does a newcomer wait? From ``git clone`` to the first finished trial and to the end.

    python -m benchmarks.from_clone

Clones this repository into an empty folder, runs ``make search`` there as in the README with
separate caches, database and checkpoints, and records the times. The installation is listed
separately, because it depends on the network.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from benchmarks.records import write_result

__all__ = ["MARKS", "main", "marks_of", "text"]

ROOT = Path(__file__).parents[1]

#: Pattern of the first line of the search at which each time is taken.
MARKS: Mapping[str, str] = {
    "search began": r"study \S+ created",
    "first finished trial": r"^trial \d+ (complete|pruned)",
}


def marks_of(lines: Iterable[tuple[float, str]]) -> dict[str, float]:
    """The seconds at which each mark was first seen."""
    found: dict[str, float] = {}
    for seconds, line in lines:
        for name, pattern in MARKS.items():
            if re.search(pattern, line):
                found.setdefault(name, seconds)
    return found


def text(table: Mapping[str, float]) -> str:
    """The times in a sentence."""
    searched = table["end of make search"] - table["installed"]
    first = table["first finished trial"]
    return (
        f"On {table['cores']:g} processor cores, from `git clone`: the first finished trial after"
        f" {_minutes(first)}, {_minutes(table['installed'])} of which are the installation; the"
        f" end of `make search` after {_minutes(table['end of make search'])}, the search itself"
        f" {_minutes(searched)} (`python -m benchmarks.from_clone`)."
    )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def main() -> None:
    """Clone, install, search; print the times and save them as results/from_clone.json."""
    with tempfile.TemporaryDirectory(prefix="from-clone-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server runs under a separate account
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(home / "clone")], check=True)
        cloned = time.monotonic() - began
        subprocess.run(["make", ".venv/ready"], cwd=home / "clone", check=True)
        installed = time.monotonic() - began
        lines = []
        with subprocess.Popen(
            ["make", "search"],
            cwd=home / "clone",
            env=_own_places(home),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append((time.monotonic() - began, line))
                print(line, end="", flush=True)
        if process.returncode:
            sys.exit(f"make search ended with exit code {process.returncode}")
        table = {
            "cores": len(os.sched_getaffinity(0)),
            "cloned": cloned,
            "installed": installed,
            **marks_of(lines),
            "end of make search": time.monotonic() - began,
        }
        for name, value in table.items():
            print(f"{name:22} {value:8.1f}")
        print(write_result("from_clone", table))


def _own_places(home: Path) -> dict[str, str]:
    return os.environ | {
        "UMSS_STORAGE": f"embedded:{home / 'postgres'}",
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }


if __name__ == "__main__":
    typer.run(main)
