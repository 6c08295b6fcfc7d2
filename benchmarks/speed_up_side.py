"""One side of ``benchmarks.speed_up``: run by its path, with the packages of some revision.

    PYTHONPATH=CHECKOUT python benchmarks/speed_up_side.py

Answers each line of its input with a line of JSON: ``step BATCH`` with the seconds of a training
step, ``scores SEED [PRE_NORM]`` with the scores of a run on rooms. It uses nothing of this folder,
which may differ in that revision.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch

from trainer.config.configuration import TrainConfig
from trainer.config.presets import read_preset
from trainer.config.toml_records import build_record
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.features import prepare
from trainer.features.dataset_features import DatasetFeatures, TestSplit, TrainSplit, ValSplit

CPU = torch.device("cpu")
CROPS, GRID, CHANNELS, LABELS, CLASSES = 128, 14, 384, 224, 13


@cache
def slots(batch: int) -> Slots:
    """A slot of the published size, on random features."""
    generator = np.random.default_rng(0)

    def split(count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        features = {
            name: generator.standard_normal((count, GRID, GRID, CHANNELS)).astype(np.float16)
            for name in ("rgb", "depth")
        }
        return features, generator.integers(0, CLASSES, (count, LABELS, LABELS), dtype=np.uint8)

    (train, labels), (val, val_labels) = split(CROPS), split(1)
    features = DatasetFeatures(
        classes=tuple(map(str, range(CLASSES))),
        palette=((0, 0, 0),) * CLASSES,
        modalities=("rgb", "depth"),
        channels=CHANNELS,
        train=TrainSplit(
            features=train,
            labels=labels,
            neighbours=(np.arange(CROPS)[:, None] + np.arange(1, 31)) % CROPS,
        ),
        val=ValSplit(features=val, labels=val_labels, names=("0",)),
        test=TestSplit(features=val, labels=val_labels, names=("0",)),
        fingerprints={},
    )
    config = TrainConfig()
    training = dataclasses.replace(config.training, batch_size=batch)
    return Slots.start([dataclasses.replace(config, training=training)], features, CPU)


@cache
def rooms(pre_norm: str) -> tuple[TrainConfig, DatasetFeatures]:
    """The preset ``rooms`` with a normalisation, and its features."""
    table = {key: value for key, value in read_preset("rooms").items() if key != "search"}
    table["method"]["options"]["pre_norm"] = pre_norm
    config = build_record(TrainConfig, table)
    return config, prepare(config)


def step(batch: str) -> float:
    """Seconds of a step."""
    began = time.perf_counter()
    slots(int(batch)).step()
    return time.perf_counter() - began


def scores(seed: str, pre_norm: str = "standardise") -> dict[str, float]:
    """Last val mIoU of a run, of both probes."""
    config, features = rooms(pre_norm)
    run = Run.start(dataclasses.replace(config, seed=int(seed)), features, CPU)
    while not run.finished:
        report = run.advance()
    assert report.linear is not None
    return {"cluster": report.cluster.miou, "linear": report.linear.miou}


ANSWERS: Mapping[str, Callable[..., object]] = {"step": step, "scores": scores}

if __name__ == "__main__":
    torch.set_num_threads(1)
    assert Path(sys.modules["trainer"].__file__ or "").is_file()
    for line in sys.stdin:
        name, *arguments = line.split()
        print(json.dumps(ANSWERS[name](*arguments)), flush=True)
