"""From a configuration to the dataset features of its runs.

How checksums are used. A cache entry that :func:`prepare` builds is hashed while it is written.
One that it finds is read once, every byte, before a run trains on it: a run reads each crop a
dozen times and more, so this costs little, and a flipped byte is found before the run. Scoring
and predicting read only what is small (``verify="small"``). :func:`open_dataset_features`, with
which the workers of a search open what their driver has verified, compares sizes.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.backbones import Backbone, build_backbone
from trainer.config.configuration import FeatureConfig, TrainConfig
from trainer.config.toml_records import record_to_table
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.contradiction import check_turned
from trainer.errors import ConfigError, DataError
from trainer.features.bank import Verify, read_bank
from trainer.features.building import build_bank
from trainer.features.cache import build_once, cache_root, hash_json, hold
from trainer.features.dataset_features import DatasetFeatures, TestSplit, TrainSplit, ValSplit
from trainer.features.extraction import Extraction, SquareRule
from trainer.features.fingerprint import data_fingerprint
from trainer.features.parts import STANDARD

__all__ = [
    "check_crops",
    "made_from",
    "open_backbone",
    "open_dataset_features",
    "prepare",
    "validate",
]

VERSION = 1  # of how features are made from images, beyond what backbones and data sets say
#: Settings of ``[features]`` that the first banks knew nothing of.
YOUNGER = ("crop_storage", "neighbour_dropout")

Progress = Callable[[str, int, int], None]


def validate(config: TrainConfig) -> DataSet:
    """Refuse a configuration whose data, backbone or weights cannot be used; the data set.

    Loads the weights; reads the header of every image, and decodes all images and labels where
    there are at most 500, so that what is damaged is told before any work is spent. In a larger
    data set only the first image and its label are decoded, and another that is damaged is
    told, by its name, while the bank is built.

    Returns:
        The data set. Its notes say what its user should know, a line each: what opening it found
        or decided, files in its folders that are not used, pictures that are turned as their
        files say.

    Raises:
        ConfigError: If a name, a modality, an option or a side is wrong.
        DataError: If images are missing, damaged or do not fit together.
        WeightsError: If weights are missing, unreadable or do not fit.
    """
    data_set, _ = _open(config, torch.device("cpu"))
    found = data_set.source.check()
    check_turned(data_set)
    notes = (*data_set.notes, *data_set.unused, *found)
    return dataclasses.replace(data_set, notes=notes)


def prepare(
    config: TrainConfig,
    *,
    cache: Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    verify: Verify = "all",
) -> DatasetFeatures:
    """Build the features and neighbours of a configuration, or find them complete, and map them.

    Args:
        config: What to prepare; only ``data``, ``backbone`` and ``features`` matter.
        cache: Folder of the cache; by default that of ``UMSS_CACHE``, or the user's.
        device: Where the backbone runs.
        progress: Called with what is done, how much of it, and of how much.
        verify: How closely a bank that was found is looked at; ``small`` is enough for what
            does not train.

    Raises:
        ConfigError: If a name, a modality, an option or a side is wrong.
        DataError: If images are missing, damaged or do not fit together.
        WeightsError: If weights are missing, unreadable or do not fit.
        CacheError: If the cache is damaged or cannot be written.
    """
    tell = progress or _silent
    root, place = cache_root(cache), torch.device(device)
    data_set, backbone = _open(config, place)
    fingerprints = {
        "data": data_fingerprint(data_set, root, tell),
        "weights": backbone.fingerprint,
    }
    fingerprints["bank"] = hash_json(
        {
            **fingerprints,
            "version": VERSION,
            "modalities": list(data_set.modalities),
            "features": _feature_settings(config.features),
        }
    )
    extraction = Extraction(
        data_set=data_set,
        backbone=backbone,
        config=config.features,
        device=place,
        progress=tell,
    )
    description = _description(config, data_set, fingerprints, place)
    folder, built = build_once(
        root,
        fingerprints["bank"],
        build=lambda partial: build_bank(partial, extraction, config.data, description, root=root),
        waits=lambda: tell("wait for another process that builds the features", 0, 1),
    )
    dataset_features = open_dataset_features(
        folder,
        verify="sizes" if built else verify,
        progress=lambda done, total: tell(
            "compare the features with their checksums", done, total
        ),
    )
    # of the data set, not of the bank: banks that were built before do not say it
    return dataclasses.replace(dataset_features, palette_chosen=data_set.palette_chosen)


def open_dataset_features(
    folder: Path,
    *,
    verify: Verify = "sizes",
    progress: Callable[[int, int], None] | None = None,
) -> DatasetFeatures:
    """Map a complete bank by its folder; needs neither the images nor the weights.

    Args:
        folder: :attr:`DatasetFeatures.folder` of the process that prepared it.
        verify: ``sizes`` compares the files' sizes; ``all`` reads every byte; ``small``
            does so for a bank of up to 64 MiB.
        progress: Called while reading with the MiB that were compared, and of how many.

    Raises:
        CacheError: If the bank is missing or damaged.
    """
    use = hold(folder)
    arrays, told = read_bank(folder, verify=verify, progress=progress)
    modalities = tuple(told["modalities"])
    channels = int(arrays[f"train.{modalities[0]}"].shape[3])

    def features(split: str) -> dict[str, NDArray[Any]]:
        return {modality: arrays[f"{split}.{modality}"] for modality in modalities}

    return DatasetFeatures(
        classes=tuple(told["classes"]),
        palette=tuple((red, green, blue) for red, green, blue in told["palette"]),
        modalities=modalities,
        channels=channels,
        train=TrainSplit(
            features=features("train"),
            labels=arrays.get("train.labels"),
            neighbours=arrays["train.neighbours"],
        ),
        val=ValSplit(
            features=features("val"),
            labels=arrays.get("val.labels"),
            names=tuple(told["names"]["val"]),
        ),
        test=TestSplit(
            features=features("test"),
            labels=arrays.get("test.labels"),
            names=tuple(told["names"]["test"]),
        ),
        fingerprints=told["fingerprints"],
        folder=folder,
        standards={
            name.removeprefix(STANDARD): np.array(array)
            for name, array in arrays.items()
            if name.startswith(STANDARD)
        },
        use=use,
    )


def open_backbone(config: TrainConfig, device: torch.device) -> Backbone:
    """The configured backbone, if the configured resolutions suit it.

    Raises:
        ConfigError: If its name or a resolution is wrong.
        WeightsError: If weights are missing, unreadable or do not fit.
    """
    backbone = build_backbone(config.backbone, device)
    for name in ("train_resolution", "eval_resolution"):
        side = getattr(config.features, name)
        if side % backbone.patch:
            near = max(1, round(side / backbone.patch)) * backbone.patch
            raise ConfigError(
                f"features.{name} = {side} is no multiple of the token side {backbone.patch} of"
                f" {backbone.name!r}: give {near}"
            )
    return backbone


def check_crops(data_set: DataSet, config: FeatureConfig) -> None:
    """Refuse a train split that gives a single crop.

    Raises:
        DataError: If it does.
    """
    rule = SquareRule(crop=config.crop, side=config.train_resolution)
    if len(data_set.train) * rule.each < 2:
        raise DataError(
            "the train split has one image and features.crop is 'none': a crop needs another as"
            " its partner; add images or set features.crop to 'five'"
        )


def made_from(config: TrainConfig) -> dict[str, Any]:
    """The tables that features are made from, as a bank tells them."""
    table = record_to_table(config)
    return {name: table[name] for name in ("data", "backbone", "features")}


def _open(config: TrainConfig, device: torch.device) -> tuple[DataSet, Backbone]:
    """Data set and backbone, and whether the two go together."""
    data_set = open_dataset(config.data)
    check_crops(data_set, config.features)
    return data_set, open_backbone(config, device)


def _description(
    config: TrainConfig,
    data_set: DataSet,
    fingerprints: Mapping[str, str],
    device: torch.device,
) -> dict[str, Any]:
    """What a bank says of itself."""
    return {
        "classes": data_set.classes,
        "palette": data_set.palette,
        "modalities": data_set.modalities,
        "names": {"val": data_set.val.names, "test": data_set.test.names},
        "fingerprints": dict(fingerprints),
        "device": device.type,
        "made from": made_from(config),
    }


def _feature_settings(config: FeatureConfig) -> dict[str, Any]:
    """What a bank depends on of its configuration.

    A younger setting at its default says nothing, so that banks made before it are found.
    """
    settings = dataclasses.asdict(config)
    default = dataclasses.asdict(FeatureConfig())
    return {
        name: value
        for name, value in settings.items()
        if name not in YOUNGER or value != default[name]
    }


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
