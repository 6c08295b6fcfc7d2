"""The cost of a run on this machine, measured by training a few steps on random features.

Time and memory of a step depend only on shapes, so neither images nor a feature cache are needed.

Letters of shapes: ``docs/architecture.md``.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from trainer.config.configuration import TrainConfig
from trainer.engine.slots import Slots
from trainer.features import DatasetFeatures, TestSplit, TrainSplit, ValSplit
from trainer.features.dataset_summary import DatasetSummary
from trainer.features.featuriser import map_channels
from trainer.methods import feature_maps
from trainer.seeds import numpy_generator

__all__ = ["Costs", "measure"]

STEP_SECONDS, MOST_STEPS, LEAST_STEPS = 2.0, 20, 3  # how long to measure steps
EVALUATIONS = 2  # of each split; the shorter one counts
MOST_CROPS, MOST_IMAGES = 128, 4  # random features for a batch and its positives


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The costs of one worker that does not share its device."""

    #: Number of measured steps.
    steps: int
    #: Number of slots that each of them trained.
    slots: int
    #: Seconds per step, which is an iteration of every slot.
    iteration_seconds: float
    #: Seconds per evaluation on all images of val.
    evaluation_seconds: float
    #: Bytes of a checkpoint.
    checkpoint_bytes: int
    #: Bytes of memory per worker, without the features that workers share.
    worker_bytes: int
    #: Bytes of GPU memory; None on the CPU.
    gpu_bytes: int | None


def measure(
    config: TrainConfig, dataset_summary: DatasetSummary, device: torch.device, *, slots: int = 1
) -> Costs:
    """Train a few steps as a worker does, and evaluate a few images.

    Args:
        config: The run's configuration.
        dataset_summary: Shapes and counts of the data.
        device: Where to train.
        slots: Number of runs that train at the same time.

    Raises:
        ConfigError: If the method or a value is invalid.
    """
    dataset_features = _random_features(config, dataset_summary)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)  # those of an earlier row of a table
    with _one_thread():
        trained = Slots.start([config] * slots, dataset_features, device)
        trained.step()
        steps, seconds = 0, 0.0
        while steps < LEAST_STEPS or (steps < MOST_STEPS and seconds < STEP_SECONDS):
            seconds += _timed(trained.step, device)
            steps += 1
        evaluation_seconds = _evaluation_seconds(
            trained, dataset_features, dataset_summary, device
        )
        state = trained.state(0)
    return Costs(
        steps=steps,
        slots=slots,
        iteration_seconds=seconds / steps,
        evaluation_seconds=evaluation_seconds,
        checkpoint_bytes=sum(tensor.nbytes for tensor in state.values()),
        worker_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # Linux: KiB
        gpu_bytes=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    )


def _evaluation_seconds(
    trained: Slots,
    dataset_features: DatasetFeatures,
    dataset_summary: DatasetSummary,
    device: torch.device,
) -> float:
    """Seconds of an evaluation on all images of val.

    The criteria without labels read a sample, whose size the number of images does not change, and
    the first evaluation prepares it. Scoring test needs no such sample.
    """

    def seconds(split: ValSplit | TestSplit) -> float:
        return min(_timed(lambda: trained.evaluate(0, split), device) for _ in range(EVALUATIONS))

    trained.evaluate(0, dataset_features.val)
    scoring = seconds(dataset_features.test)
    judging = max(0.0, seconds(dataset_features.val) - scoring)
    return judging + scoring / len(dataset_features.test) * dataset_summary.images["val"]


def _timed(action: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _random_features(config: TrainConfig, dataset_summary: DatasetSummary) -> DatasetFeatures:
    """Random features and labels of the right shapes, just enough for a few steps."""
    generator = numpy_generator("costs")
    features, modalities = config.features, config.data.modalities
    crops = min(dataset_summary.crops, max(MOST_CROPS, config.training.batch_size))
    images = min(dataset_summary.images["val"], MOST_IMAGES)

    def numbers(count: int, side: int, channels: int) -> np.ndarray:
        grid = side // dataset_summary.patch
        shape = (count, grid, grid, channels)
        return generator.standard_normal(shape, dtype=np.float32).astype(features.dtype)

    def maps(count: int, side: int) -> dict[str, np.ndarray]:
        return {name: numbers(count, side, dataset_summary.channels) for name in modalities}

    def labels(count: int, side: int) -> np.ndarray:
        return generator.integers(0, dataset_summary.classes, (count, side, side), dtype=np.uint8)

    val = ValSplit(
        features=maps(images, features.eval_resolution),
        labels=labels(images, features.eval_resolution),
        names=tuple(f"random-{index}" for index in range(images)),
    )
    neighbours = min(features.neighbours, crops - 1)
    return DatasetFeatures(
        classes=tuple(f"class-{index}" for index in range(dataset_summary.classes)),
        palette=((0, 0, 0),) * dataset_summary.classes,
        modalities=modalities,
        channels=dataset_summary.channels,
        train=TrainSplit(
            features=maps(crops, features.train_resolution),
            labels=labels(crops, features.train_resolution) if dataset_summary.labelled else None,
            neighbours=generator.integers(0, crops, (crops, neighbours)),
            maps={
                each: numbers(
                    crops,
                    features.train_resolution,
                    map_channels(each, dataset_summary.channels),
                )
                for each in feature_maps(config)
            },
        ),
        val=val,
        test=TestSplit(features=val.features, labels=val.labels, names=val.names),
        fingerprints={},
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread, as a worker on the CPU does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
