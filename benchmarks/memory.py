"""Memory of the workers of a machine, beside the feature cache that they share.

    python -m benchmarks.memory [--preset rooms] [--workers 1 2 4] [--quick]

Each worker is a process that opens the feature cache, trains until its first evaluation and
scores it. When all have, each reads what Linux counts of its memory. *private* is memory that only
one process has, *cache* the part of the feature cache that one has mapped, and *cache, all* what
the mapped parts of all occupy: a page that several have mapped counts once.
"""

import argparse
import multiprocessing
import multiprocessing.synchronize
import re
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine
from benchmarks.one_worker import answer, task_of
from search.config.configuration import resolve
from search.records.messages import Begin, Reported
from search.workers.worker import Worker, WorkerSetup
from trainer.features import prepare

__all__ = ["main", "mapped", "measured", "text"]

MIB = 1024  # of the kernel's kibibytes
HEADER = ("workers", "private, MiB a worker", "cache, MiB a worker", "cache, all, MiB")


def text(record: Mapping[str, Any]) -> str:
    """The measurement as a table."""
    rows = [
        (row["workers"], row["private"], row["cache"], row["cache_all"]) for row in record["rows"]
    ]
    return (
        f"Preset `{record['preset']}`, whose feature cache has {record['cache_mib']:.1f} MiB"
        f" ({record['processor']}):\n\n{markdown_table(HEADER, rows)}"
    )


def measured(preset: str, counts: Sequence[int]) -> dict[str, Any]:
    """Start each number of workers, and read their memory; returns the record.

    Args:
        preset: Name of the preset that they train.
        counts: Numbers of workers.
    """
    config = resolve(preset, None, {}).train
    with tempfile.TemporaryDirectory() as folder:
        features = prepare(
            config,
            cache=Path(folder) / "cache",
            device=torch.device("cpu"),
            progress=lambda *step: None,
        )
        setup = WorkerSetup(config=config, feature_cache=str(features.folder), device="cpu")
        rows = [_row(setup, Path(folder), count) for count in counts]
        size = sum(path.stat().st_size for path in Path(setup.feature_cache).rglob("*"))
    return {"preset": preset, "cache_mib": size / 2**20, "rows": rows}


def _row(setup: WorkerSetup, folder: Path, count: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    started = []
    for number in range(count):
        receiving, sending = context.Pipe(duplex=False)
        arguments = (setup, folder / f"{count}-workers", number, barrier, sending)
        process = context.Process(target=_work, args=arguments)
        process.start()
        started.append((process, receiving))
    found = [receiving.recv() for _, receiving in started]
    for process, _ in started:
        process.join()
    private, cache, share = zip(*found, strict=True)
    return {
        "workers": count,
        "private": statistics.median(private),
        "cache": statistics.median(cache),
        "cache_all": sum(share),
    }


def _work(
    setup: WorkerSetup,
    folder: Path,
    number: int,
    barrier: multiprocessing.synchronize.Barrier,
    sending: Connection,
) -> None:
    """Train to the first evaluation; send the memory in use once every worker has come there."""
    worker = Worker(setup)
    event = answer(worker, Begin(task=task_of(number, folder)))
    assert isinstance(event, Reported), event
    barrier.wait()
    maps = Path("/proc/self/smaps").read_text(encoding="utf-8")
    all_private = sum(private for private, _, _ in mapped(maps, ""))
    cache = list(mapped(maps, setup.feature_cache))
    barrier.wait()
    sending.send((all_private, sum(each[1] for each in cache), sum(each[2] for each in cache)))


def mapped(maps: str, folder: str) -> Iterator[tuple[float, float, float]]:
    """Private, resident and proportional MiB of each part of a process's memory.

    Args:
        maps: Contents of ``/proc/PID/smaps``.
        folder: Only of the files in this folder; empty for all memory.
    """
    for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", maps):
        if not part or folder not in part.partition("\n")[0]:
            continue
        size = {name: int(kib) / MIB for name, kib in re.findall(r"(?m)^(\w+): +(\d+) kB$", part)}
        yield size["Private_Clean"] + size["Private_Dirty"], size["Rss"], size["Pss"]


def main() -> None:
    """Measure, print the table, save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--preset", default="rooms", help="settings of the trials")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--quick", action="store_true", help="one worker; nothing is saved")
    asked = parser.parse_args()
    record = measured(asked.preset, [1] if asked.quick else asked.workers)
    record |= machine(torch.device("cpu"))
    print(text(record))
    if not asked.quick:
        print(f"saved in {append_result('memory', [record])}")


if __name__ == "__main__":
    main()
