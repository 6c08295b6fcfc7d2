"""Run the speed benchmarks one after the other, each in its own process.

    python -m benchmarks [--quick] [--gpu] [NAME ...]

Each prints a table and saves its results in ``benchmarks/results``; ``--quick`` runs all of them
at a tiny size and saves nothing. With ``--gpu``, only those that can use a GPU run, on the GPU;
they need neither Optuna nor Ray nor a database.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BENCHMARKS", "Benchmark", "main"]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A module of this package, run by ``python -m``."""

    #: Flags of a run at a tiny size.
    quick: tuple[str, ...] = ("--quick",)
    #: Flags of a run on a GPU; None if it has none.
    gpu: tuple[str, ...] | None = None


#: Module to the way it is run.
BENCHMARKS = {
    "step": Benchmark(gpu=("--device", "cuda")),
    "step_parts": Benchmark(gpu=("--device", "cuda")),
    "slots": Benchmark(gpu=("--device", "cuda")),
    "precision": Benchmark(gpu=("--device", "cuda")),
    "evaluation": Benchmark(quick=("--short",)),
    "feature_cost": Benchmark(gpu=("--device", "cuda")),
    "start": Benchmark(),
    "driver_cost": Benchmark(),
    "driver_scale": Benchmark(),
    "trivial_trials": Benchmark(),
    "memory": Benchmark(),
    "report": Benchmark(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are not saved")
    parser.add_argument("--gpu", action="store_true", help="run those that can use a GPU, on it")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - {*BENCHMARKS}:
        parser.error(f"no benchmark {min(unknown)!r}: choose among {', '.join(BENCHMARKS)}")
    failed = []
    for name in asked.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        if asked.gpu and benchmark.gpu is None:
            continue
        flags = [*(benchmark.quick if asked.quick else ())]
        flags += (benchmark.gpu or ()) if asked.gpu else ()
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *flags]).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
