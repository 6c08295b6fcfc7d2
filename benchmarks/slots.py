"""Trials an hour with 1, 2, 4 … slots in one process, on random features of NYU's size.

    python -m benchmarks.slots --device cuda          # a GPU: the paper's size
    python -m benchmarks.slots --quick                # any CPU: runs through everything, tiny

A trial costs its iterations, its evaluations on val, which the other slots of its process wait
for, and its start. Each part is measured, and the hour is put together from them, for a search in
which a share of the trials is pruned. Idle slots are counted in a replay of that search, in which
each slot waits for the answer of the driver after every evaluation.

It needs neither Optuna nor Ray nor PostgreSQL. Each run but a quick one appends a line to
``benchmarks/results/slots.jsonl``.
"""

import argparse
import datetime
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine, machine_text
from benchmarks.random_features import FeatureSize, random_features
from trainer.config.configuration import EvaluationConfig, TrainConfig, TrainingConfig
from trainer.engine.slots import Slots
from trainer.features.dataset_features import DatasetFeatures
from trainer.seeds import numpy_generator

__all__ = ["Replay", "Row", "Setting", "Times", "main", "measure", "table", "text"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The search that is put together."""

    features: FeatureSize
    trials: int
    iterations: int
    evaluations: int
    batch: int
    precision: str
    #: Share of the trials that are pruned, evenly at all evaluations.
    pruned: float
    #: Seconds that a slot waits for the driver's answer.
    answer: float
    #: Timed steps, after a few that are not, and images of val that are scored.
    steps: int
    images: int

    def config(self) -> TrainConfig:
        """The configuration of the trials."""
        training = TrainingConfig(
            iterations=self.iterations,
            batch_size=self.batch,
            precision="bf16" if self.precision == "bf16" else "fp32",
        )
        return TrainConfig(
            training=training, evaluation=EvaluationConfig(evaluations=self.evaluations)
        )

    def lengths(self) -> list[int]:
        """Evaluations of each trial, the same for every number of slots."""
        generator = numpy_generator("benchmark", "slots")
        pruned = generator.random(self.trials) < self.pruned
        early = generator.integers(1, self.evaluations + 1, self.trials)
        return [
            int(end) if short else self.evaluations
            for end, short in zip(early, pruned, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What so many slots come to."""

    slots: int
    #: Milliseconds of a step of all slots: median, least, most.
    step_ms: tuple[float, float, float]
    #: Seconds of an evaluation of all images, and of a trial's start.
    evaluation_seconds: float
    start_seconds: float
    trials_per_hour: float
    #: Share of the slots' time that they have no trial to train.
    idle_share: float
    #: Bytes of the GPU's memory; None on the CPU.
    memory: int | None


def measure(
    setting: Setting, dataset_features: DatasetFeatures, device: torch.device, count: int
) -> Row:
    """Measure the parts, and put the search together."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    config = setting.config()
    configs = [replace(config, seed=seed) for seed in range(count)]
    slots = Slots.start(configs, dataset_features, device)
    steps = _times(slots.step, setting.steps, device)
    images = min(setting.images, len(dataset_features.val))
    start = statistics.median(_times(lambda: slots.begin(0, config), 3, device))
    evaluation = statistics.median(
        _times(lambda: slots.evaluate(0, dataset_features.val), 3, device)
    )
    evaluation *= setting.features.val / images
    step = statistics.median(steps)
    replay = Replay(
        setting.lengths(),
        count,
        interval=setting.iterations // setting.evaluations,
        times=Times(step=step, evaluation=evaluation, start=start, answer=setting.answer),
    )
    replay.run()
    return Row(
        slots=count,
        step_ms=(1000 * step, 1000 * min(steps), 1000 * max(steps)),
        evaluation_seconds=evaluation,
        start_seconds=start,
        trials_per_hour=3600 * setting.trials / replay.now,
        idle_share=replay.idle_share,
        memory=torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None,
    )


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds that the parts of a search take."""

    #: A step, however many slots take part.
    step: float
    #: An evaluation, and a trial's start: meanwhile nothing else trains.
    evaluation: float
    start: float
    #: Between an evaluation and the driver's answer: meanwhile the other slots train.
    answer: float


class Replay:
    """A whole search in one process, event by event."""

    def __init__(self, lengths: Sequence[int], slots: int, *, interval: int, times: Times) -> None:
        """Give every slot a trial.

        Args:
            lengths: Evaluations of each trial.
            slots: Trials at the same time.
            interval: Iterations between two evaluations.
            times: What the parts take.
        """
        self._waiting, self._interval, self._times = list(lengths), interval, times
        self._slots = range(slots)
        self._left = [0] * slots  # evaluations that its trial has still to make
        self._ready = [0.0] * slots  # when it has its orders
        self._due = [interval] * slots  # iterations to its next evaluation
        self.now = self._idle = 0.0
        for slot in self._slots:
            self._begin(slot)

    def run(self) -> None:
        """Train until every trial has ended."""
        while any(self._left):
            active = [slot for slot in self._slots if self._left[slot] and self._is_ready(slot)]
            if active:
                self._train(active, self._steps_to_next_event(active))
            else:
                self._pass(min(self._orders_to_come()) - self.now, working=0)

    @property
    def idle_share(self) -> float:
        """Share of the slots' time in which they have nothing to train."""
        return self._idle / (len(self._slots) * self.now)

    def _is_ready(self, slot: int) -> bool:
        return self._ready[slot] <= self.now

    def _orders_to_come(self) -> list[float]:
        late = [slot for slot in self._slots if self._left[slot] and not self._is_ready(slot)]
        return [self._ready[slot] for slot in late]

    def _steps_to_next_event(self, active: Sequence[int]) -> int:
        steps = min(self._due[slot] for slot in active)
        for ready in self._orders_to_come():
            steps = min(steps, math.ceil((ready - self.now) / self._times.step))
        return steps

    def _train(self, active: Sequence[int], steps: int) -> None:
        self._pass(steps * self._times.step, working=len(active))
        for slot in active:
            self._due[slot] -= steps
            if not self._due[slot]:
                self._evaluate(slot)

    def _evaluate(self, slot: int) -> None:
        self.now += self._times.evaluation
        self._left[slot] -= 1
        self._due[slot] = self._interval
        if not self._left[slot]:
            self._begin(slot)
        self._ready[slot] = self.now + self._times.answer

    def _begin(self, slot: int) -> None:
        if self._waiting:
            self._left[slot] = self._waiting.pop(0)
            self.now += self._times.start

    def _pass(self, seconds: float, *, working: int) -> None:
        self.now += seconds
        self._idle += (len(self._slots) - working) * seconds


def _times(action: Callable[[], object], count: int, device: torch.device) -> list[float]:
    """Seconds of an action, after two that do not count."""
    times = []
    for _ in range(count + 2):
        began = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return times[2:]


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, with the gain over one slot."""
    header = (
        "slots",
        "ms a step (least to most)",
        "trials an hour",
        "of one slot",
        "idle slots",
        "memory",
    )
    cells = [
        (
            row.slots,
            f"{row.step_ms[0]:.1f} ({row.step_ms[1]:.1f} to {row.step_ms[2]:.1f})",
            f"{row.trials_per_hour:.1f}",
            f"{row.trials_per_hour / rows[0].trials_per_hour:.2f} times",
            f"{100 * row.idle_share:.1f} %",
            "-" if row.memory is None else f"{row.memory / 2**30:.2f} GiB",
        )
        for row in rows
    ]
    return markdown_table(header, cells)


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    setting = record["setting"]
    size = f"batch {setting['batch']}, {setting['precision']}"
    rows = [Row(**row) for row in record["rows"]]
    return f"{machine_text(record['machine'])}, {size}:\n\n{table(rows)}"


def main() -> None:
    """Measure, print and note."""
    asked = _arguments()
    device = torch.device(asked.device)
    if device.type == "cpu":
        torch.set_num_threads(asked.threads)
    setting = _quick(asked) if asked.quick else _setting(asked)
    small = replace(setting.features, val=min(setting.images, setting.features.val))
    dataset_features = random_features(small)
    rows = []
    for count in asked.slots:
        rows.append(measure(setting, dataset_features, device, count))
        print(f"{count} slots: {rows[-1].trials_per_hour:.1f} trials an hour", flush=True)
    line = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(device),
        "setting": asdict(setting),
        "rows": [asdict(row) for row in rows],
    }
    print(text(line))
    if not asked.quick:
        append_result("slots", [line])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--slots", type=_numbers, default=(1, 2, 4, 8, 16), help="such as 1,4")
    parser.add_argument("--crops", type=int, default=3975)
    parser.add_argument("--val", type=int, default=654, help="images of val")
    parser.add_argument("--grid", type=int, default=14, help="tokens of a side")
    parser.add_argument("--channels", type=int, default=384)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--pruned", type=float, default=0.6, help="share of pruned trials")
    parser.add_argument(
        "--answer", type=float, default=0.01, help="seconds to the driver's answer"
    )
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--quick", action="store_true", help="a tiny size; keeps no result")
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _setting(asked: argparse.Namespace) -> Setting:
    size = FeatureSize(crops=asked.crops, val=asked.val, grid=asked.grid, channels=asked.channels)
    return Setting(
        features=size,
        trials=asked.trials,
        iterations=asked.iterations,
        evaluations=asked.evaluations,
        batch=asked.batch,
        precision=asked.precision,
        pruned=asked.pruned,
        answer=asked.answer,
        steps=asked.steps,
        images=64,
    )


def _quick(asked: argparse.Namespace) -> Setting:
    size = FeatureSize(crops=64, val=4, grid=4, channels=12, labels=16)
    tiny = _setting(asked)
    return replace(
        tiny, features=size, iterations=20, evaluations=4, trials=20, batch=4, steps=3, images=2
    )


if __name__ == "__main__":
    main()
