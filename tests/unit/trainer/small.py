"""Small random features and configurations that train in milliseconds.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.config.configuration import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.engine.epochs import SlotDraws
from trainer.features.dataset_features import DatasetFeatures, TestSplit, TrainSplit, ValSplit
from trainer.features.featuriser import map_channels
from trainer.losses.draws import DrawPlan, StepDraws, stack_draws
from trainer.methods import METHODS, feature_maps, step_values
from trainer.methods.base import Batch
from trainer.methods.feature_map import FeatureMap
from trainer.seeds import torch_generator

CPU = torch.device("cpu")
GRID = (4, 5)
CLASSES = 3
#: Options that suit a few small crops: with a large pool, no token would be a hidden positive; and
#: every part of the loss is to act in the first step.
SMALL_OPTIONS: dict[str, dict[str, Any]] = {
    "hp": {"pool": 5},
    "eagle": {"objects_from": 0},
    "primaps": {"begin": 0.0, "freeze": False, "follow_every": 1, "median": False},
    "transfgu": {"width": 8, "heads": 2, "parts": 2},
}
#: A complete run from images on, on rooms of a few pixels.
ROOMS = TrainConfig(
    data=DataConfig(options={"train": 3, "val": 3, "test": 2, "size": 32}),
    features=FeatureConfig(train_resolution=16, eval_resolution=32, neighbours=7),
    method=MethodConfig(code_dim=4),
    training=TrainingConfig(iterations=6, batch_size=4, samples=3, random_draws=1),
    evaluation=EvaluationConfig(evaluations=2),
)


def small_dataset_features(
    *,
    modalities: tuple[str, ...] = ("rgb", "depth"),
    crops: int = 10,
    channels: int = 6,
    labelled: bool = True,
) -> DatasetFeatures:
    """Random features whose channels separate the labels."""
    generator = np.random.default_rng(5)

    def features(count: int) -> dict[str, Any]:
        return {
            name: generator.normal(size=(count, *GRID, channels)).astype(np.float32)
            for name in modalities
        }

    def labels(count: int) -> Any:
        if not labelled:
            return None
        return generator.choice([0, 1, 2, 255], size=(count, 16, 20)).astype(np.uint8)

    neighbours = np.stack(
        [
            generator.permutation([other for other in range(crops) if other != own])
            for own in range(crops)
        ]
    )
    names = tuple(f"image{number}" for number in range(5))
    return DatasetFeatures(
        classes=("wall", "floor", "bed"),
        palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
        modalities=modalities,
        channels=channels,
        train=TrainSplit(
            features=features(crops),
            labels=labels(crops),
            neighbours=neighbours,
            maps=_small_maps(modalities, crops=crops, channels=channels),
        ),
        val=ValSplit(features=features(5), labels=labels(5), names=names),
        test=TestSplit(features=features(5), labels=labels(5), names=names),
        fingerprints={"data": "d", "weights": "w", "bank": "b"},
        folder=Path("nowhere"),
    )


def _small_maps(
    modalities: tuple[str, ...], *, crops: int, channels: int
) -> dict[FeatureMap, Any]:
    """Whatever any method reads of these modalities."""
    generator = np.random.default_rng(6)
    maps = {
        each: None
        for name, entry in METHODS.items()
        if len(modalities) >= entry.least_modalities
        for each in entry.feature_maps(MethodConfig(name=name), modalities)
        if each.modality in modalities
    }
    return {
        each: generator.random((crops, *GRID, map_channels(each, channels))).astype(np.float32)
        for each in maps
    }


def small_config(
    *,
    modalities: tuple[str, ...] = ("rgb", "depth"),
    seed: int = 0,
    hyper: dict[str, float] | None = None,
    training: dict[str, Any] | None = None,
    **method: Any,
) -> TrainConfig:
    """Twelve iterations, three evaluations, batches of four of ten crops."""
    return TrainConfig(
        seed=seed,
        data=DataConfig(modalities=modalities),
        features=FeatureConfig(neighbours=9),
        method=_method({"code_dim": 4, **method}),
        training=TrainingConfig(
            **{
                "iterations": 12,
                "batch_size": 4,
                "samples": 3,
                "random_draws": 2,
                "partner_ranks": 4,
                **(training or {}),
            }
        ),
        evaluation=EvaluationConfig(evaluations=3, batch_size=2),
        hyper=hyper or {},
    )


def hyper_of(config: TrainConfig, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """The values that ``step`` reads, for one slot."""
    return {
        name: torch.tensor([value], dtype=dtype) for name, value in step_values(config).items()
    }


def small_batch(tokens_SMNTC: torch.Tensor, config: TrainConfig | None = None) -> Batch:
    """A batch of these tokens in a first step, with random maps if a configuration is given."""
    slots, _, crops, tokens, channels = tokens_SMNTC.shape
    declared = () if config is None else feature_maps(config)
    shape = (slots, crops, tokens)
    maps = {
        each: small_tensor(*shape, map_channels(each, channels), seed=2 + place).abs()
        for place, each in enumerate(declared)
    }
    return Batch(
        tokens_SMNTC=tokens_SMNTC,
        grid=GRID,
        iteration_S=torch.zeros(slots),
        iterations=12,
        maps=maps,
    )


def rows_of(config: TrainConfig) -> list[list[float]]:
    """Lambda and b of self, KNN and random pairs and the weight, for each loss of the method."""
    values = step_values(config)
    prefixes = [f"{name}." for name in config.data.modalities]
    if config.method.name != "unim2":  # one loss, without a weight
        prefixes, values = [""], {**values, "weight": 1.0}
    names = [f"{what}_{pair}" for pair in ("self", "knn", "random") for what in ("lambda", "b")]
    return [[values[prefix + name] for name in (*names, "weight")] for prefix in prefixes]


def small_draws(
    *, maps: int, masks: int, uniform: int = 0, seed: int = 0, present: int = 4
) -> StepDraws:
    """Float64 draws of one slot: four queries, nine points, two random pairs, six channels."""
    plan = DrawPlan(
        batch=4,
        ranks=4,
        maps=maps,
        points=9,
        random_draws=2,
        masks=masks,
        channels=6,
        dropout=0.25,
        uniform=uniform,
        tokens=GRID[0] * GRID[1],
    )
    source = SlotDraws(plan, crops=present, generator=torch_generator(seed, "test"))
    drawn = stack_draws([source.step()])
    return dataclasses.replace(
        drawn,
        sample_weight_SB=(drawn.sample_weight_SB > 0).double() / present,
        coordinates_SM2BQ2=drawn.coordinates_SM2BQ2.double(),
        masks_SDNC=drawn.masks_SDNC.double(),
        uniform_SEBT=drawn.uniform_SEBT.double(),
    )


def small_tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(*shape, generator=torch_generator(seed, "tensor"), dtype=torch.float64)


def _method(settings: dict[str, Any]) -> MethodConfig:
    """Settings of every method by their names, all others as options."""
    shared = {field.name for field in dataclasses.fields(MethodConfig)}
    own = {name: value for name, value in settings.items() if name not in shared}
    own = SMALL_OPTIONS.get(settings.get("name", ""), {}) | own
    common = {name: value for name, value in settings.items() if name in shared}
    return MethodConfig(**common, options=own)
