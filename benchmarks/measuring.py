"""Timing of contestants side by side, and a description of the machine."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "RESULTS",
    "Timing",
    "append_result",
    "interleaved",
    "machine",
    "machine_text",
    "processor",
    "processor_text",
]

#: Folder of the results.
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Durations of several runs in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the durations."""
        return statistics.median(self.seconds)

    def text(self) -> str:
        """Minimum, median and maximum."""
        found = (min(self.seconds), self.median, max(self.seconds))
        return " / ".join(f"{each:.2f}" for each in found)


def interleaved(
    contestants: Mapping[str, Callable[[], object]], *, repeats: int, device: torch.device
) -> dict[str, Timing]:
    """Time contestants in turns, so that changes of the machine affect all of them equally.

    Args:
        contestants: Name to a function that runs it once.
        repeats: Number of timed runs of each, after an untimed one.
        device: Their device; a GPU is synchronised before the clock is read.
    """
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            _finish(device)
            began = time.perf_counter()
            run()
            _finish(device)
            seconds[name].append(time.perf_counter() - began)
    return {name: Timing(seconds=tuple(each)) for name, each in seconds.items()}


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device) -> dict[str, Any]:
    """Everything besides the code that affects a result."""
    return {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def machine_text(record: Mapping[str, Any]) -> str:
    """The machine of a result, in words."""
    if record["device"] != "cpu":
        return f"{record['device']}, PyTorch {record['torch']}"
    threads = "one thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return f"{processor_text(record)}, {threads}, PyTorch {record['torch']}"


def processor_text(record: Mapping[str, Any]) -> str:
    """The processor of a result, with its vector instructions if they were recorded."""
    instructions = record.get("instructions")
    return f"{record['processor']}" + (f" ({instructions})" if instructions else "")


def processor() -> str:
    """The processor's name, if the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()


def append_result(name: str, records: Sequence[Mapping[str, Any]]) -> Path:
    """Append records to ``results/NAME.jsonl``, one per line."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
    return path
