"""Effects of products in bf16: time per step, first gradients, and scores on rooms.

    python -m benchmarks.precision [--device cuda] [--seeds 10] [--cache FOLDER] [--quick]

Time and gradients are measured on a step of the published size (ViT-S/16, two modalities, batch
32) with random features; scores on complete runs of the preset ``rooms``, which differ only in
``training.precision``. They are compared seed by seed.
"""

import argparse
import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import Timing, append_result, interleaved, machine, machine_text
from benchmarks.random_features import FeatureSize, random_features
from benchmarks.speed_up import paired_p
from search.quality.confirmed import interval_of_mean
from trainer.commands.setup import run_of
from trainer.config.configuration import TrainConfig
from trainer.config.sources import read_layers
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.features import DatasetFeatures, prepare

__all__ = ["main", "text"]

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
PROBES = {"cluster": "cluster probe", "linear": "linear probe"}
QUICK_FEATURES = FeatureSize(crops=32, grid=4, channels=12, labels=16)
QUICK_ITERATIONS = 8


def with_precision(config: TrainConfig, precision: Precision) -> TrainConfig:
    """The same run with products in another precision."""
    training = dataclasses.replace(config.training, precision=precision)
    return dataclasses.replace(config, training=training)


def first_gradient(slots: Slots) -> torch.Tensor:
    """The gradient of the first step, computed from Adam's first moment, a tenth of it."""
    return 10 * slots.state(0)["model.first_SP"].double()


def measure_steps(size: FeatureSize, repeats: int, device: torch.device) -> dict[str, Any]:
    """Seconds of steps, and how the first gradient of one differs from the other's."""
    dataset_features = random_features(size)
    slots, gradients = {}, {}
    for precision in PRECISIONS:
        config = with_precision(TrainConfig(), precision)
        slots[precision] = Slots.start([config], dataset_features, device)
        slots[precision].step()
        gradients[precision] = first_gradient(slots[precision])
    steps: dict[str, Callable[[], object]] = {name: each.step for name, each in slots.items()}
    times = interleaved(steps, repeats=repeats, device=device)
    one, other = (gradients[precision] for precision in PRECISIONS)
    return {
        "seconds": {
            name: [round(value, 4) for value in each.seconds] for name, each in times.items()
        },
        "cosine": float(torch.nn.functional.cosine_similarity(one, other, dim=0)),
        "distance": float((one - other).norm() / one.norm()),
    }


def measure_scores(
    config: TrainConfig, dataset_features: DatasetFeatures, seeds: int, device: torch.device
) -> list[dict[str, dict[str, float]]]:
    """Val mIoU of the last weights of runs in both precisions, by seed."""
    return [
        {
            precision: _scores(
                with_precision(dataclasses.replace(config, seed=seed), precision),
                dataset_features,
                device,
            )
            for precision in PRECISIONS
        }
        for seed in range(1, seeds + 1)
    ]


def _scores(
    config: TrainConfig, dataset_features: DatasetFeatures, device: torch.device
) -> dict[str, float]:
    run = Run.start(config, dataset_features, device)
    while not run.finished:
        report = run.advance()
    return {"cluster": report.cluster.miou, "linear": report.linear.miou}


def _rooms(iterations: int | None) -> TrainConfig:
    config = run_of(read_layers("rooms", None))
    if iterations is None:
        return config
    training = dataclasses.replace(config.training, iterations=iterations)
    return dataclasses.replace(config, training=training)


def text(record: Mapping[str, Any]) -> str:
    """The steps and the scores as tables."""
    times = {name: Timing(seconds=tuple(each)) for name, each in record["seconds"].items()}
    steps = [
        (name, each.text(), f"{times['fp32'].median / each.median:.2f}")
        for name, each in times.items()
    ]
    header = (
        "a step of the published size",
        "seconds: min / median / max",
        "times as fast as fp32",
    )
    return "\n\n".join(
        [
            f"{machine_text(record)}:",
            markdown_table(header, steps),
            f"Gradient of the first step: cosine {record['cosine']:.5f}, difference"
            f" {100 * record['distance']:.2f} % of its norm.",
            _scores_text(record["scores"]),
        ]
    )


def _scores_text(scores: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    if len(scores) < 2:
        return "Too few seeds to compare scores."
    rows = []
    for probe, name in PROBES.items():
        fp32, bf16 = ([each[precision][probe] for each in scores] for precision in PRECISIONS)
        changes = [after - before for before, after in zip(fp32, bf16, strict=True)]
        interval = interval_of_mean(changes)
        assert interval is not None
        rows.append(
            (
                name, len(scores), _spread(fp32), _spread(bf16),
                f"{statistics.fmean(changes):+.2f} [{interval[0]:+.2f}, {interval[1]:+.2f}]",
                f"{paired_p(changes):.2f}",
            )
        )  # fmt: skip
    return markdown_table(
        ("val mIoU on rooms", "seeds", "fp32", "bf16", "change, 95 % interval", "p"), rows
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--seeds", type=int, default=10, help="of the runs on rooms")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps")
    parser.add_argument("--cache", type=Path, help="folder of the feature cache")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are not saved")
    asked = parser.parse_args(arguments)
    size = QUICK_FEATURES if asked.quick else FeatureSize()
    seeds = min(2, asked.seeds) if asked.quick else asked.seeds
    config = _rooms(QUICK_ITERATIONS if asked.quick else None)
    steps = measure_steps(size, asked.repeats, asked.device)
    dataset_features = prepare(config, cache=asked.cache, device=asked.device)
    scores = measure_scores(config, dataset_features, seeds, asked.device)
    record = {**steps, "scores": scores, **machine(asked.device)}
    print(text(record))
    if not asked.quick:
        print(f"saved to {append_result('precision', [record])}")


if __name__ == "__main__":
    main()
