"""Effects of products in bf16: time per step, first gradients, and scores on rooms.

    python -m benchmarks.precision [--device cuda] [--short]

Time and gradients are measured on a step of the published size (ViT-S/16, two modalities, batch
32) with random features; scores on complete runs of the preset ``rooms``, which differ only in
``training.precision``.
"""

import argparse
import dataclasses
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from benchmarks.random_features import FeatureSize, random_features
from trainer.config.configuration import TrainConfig
from trainer.config.presets import read_preset
from trainer.config.toml_records import build_record
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.features import prepare

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of the measurements."""

    features: FeatureSize = field(default_factory=FeatureSize)
    #: Number of timed steps, after as many untimed ones.
    steps: int = 5
    #: Seeds of the runs on rooms.
    seeds: int = 3
    #: Iterations of a run on rooms; None for those of the preset.
    iterations: int | None = None


SHORT = Size(
    features=FeatureSize(crops=32, grid=4, channels=12, labels=16), steps=1, seeds=1, iterations=8
)


def with_precision(config: TrainConfig, precision: Precision) -> TrainConfig:
    """The same run with products in another precision."""
    training = dataclasses.replace(config.training, precision=precision)
    return dataclasses.replace(config, training=training)


def first_gradient(slots: Slots) -> torch.Tensor:
    """The gradient of the first step, computed from Adam's first moment, a tenth of it."""
    return 10 * slots.state(0)["model.first_SP"].double()


def milliseconds(slots: Slots, steps: int, device: torch.device) -> float:
    """Median time of a step."""
    times = []
    for number in range(2 * steps):
        began = time.perf_counter()
        slots.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= steps:
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def measure_steps(size: Size, device: torch.device) -> None:
    """Print time and gradient of a step in both precisions."""
    dataset_features = random_features(size.features)
    config = TrainConfig()
    gradients, rows = {}, []
    for precision in PRECISIONS:
        slots = Slots.start([with_precision(config, precision)], dataset_features, device)
        slots.step()
        gradients[precision] = first_gradient(slots)
        rows.append((precision, milliseconds(slots, size.steps, device)))
    grid, channels = size.features.grid, size.features.channels
    print(f"a step of {channels} channels, {grid} x {grid} tokens, on {device}:")
    for precision, taken in rows:
        print(f"  {precision}  {taken:8.1f} ms per step  {rows[0][1] / taken:5.2f} times as fast")
    one, other = (gradients[precision] for precision in PRECISIONS)
    cosine = float(torch.nn.functional.cosine_similarity(one, other, dim=0))
    distance = float((one - other).norm() / one.norm())
    print(f"  first gradients: cosine {cosine:.6f}, difference {100 * distance:.2f} % of the norm")


def measure_scores(size: Size, device: torch.device, cache: Path | None) -> None:
    """Print the scores of runs on rooms in both precisions."""
    config = build_record(
        TrainConfig, {key: value for key, value in read_preset("rooms").items() if key != "search"}
    )
    if size.iterations is not None:
        training = dataclasses.replace(config.training, iterations=size.iterations)
        config = dataclasses.replace(config, training=training)
    dataset_features = prepare(config, cache=cache, device=device)
    print("val mIoU of the last weights on rooms (cluster probe, linear probe), and seconds:")
    for seed in range(size.seeds):
        for precision in PRECISIONS:
            began = time.perf_counter()
            run = Run.start(
                with_precision(dataclasses.replace(config, seed=seed), precision),
                dataset_features,
                device,
            )
            while not run.finished:
                report = run.advance()
            print(
                f"  seed {seed}  {precision}  loss {report.loss:8.4f}"
                f"  {report.cluster.miou:6.2f}  {report.linear.miou:6.2f}"
                f"  {time.perf_counter() - began:6.1f} s"
            )


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--cache", type=Path, help="folder of the feature cache")
    parser.add_argument("--short", action="store_true", help="run everything at a tiny size")
    asked = parser.parse_args()
    size, device = SHORT if asked.short else Size(), torch.device(asked.device)
    measure_steps(size, device)
    measure_scores(size, device, asked.cache)


if __name__ == "__main__":
    main()
