"""From a configuration to the dataset features of its runs.

Use of checksums: a cache entry that :func:`prepare` builds is hashed while it is written. An
existing one is read completely before a run trains on it. A run reads each crop at least a dozen
times, so this costs little, and a flipped byte is found before the run. Scoring and prediction
only verify small entries (``verify="small"``). The workers of a search open what their driver has
verified with :func:`open_dataset_features`, which compares sizes.

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
from trainer.features.building import build_entry
from trainer.features.cache import build_once, cache_root, hash_json, hold
from trainer.features.cache_entry import MAPS, Verify, read_entry
from trainer.features.dataset_features import DatasetFeatures, TestSplit, TrainSplit, ValSplit
from trainer.features.extraction import Extraction, SquareRule
from trainer.features.featuriser import VERSION as MAPS_VERSION
from trainer.features.featuriser import featuriser
from trainer.features.fingerprint import data_fingerprint
from trainer.features.parts import STANDARD
from trainer.methods import feature_maps
from trainer.methods.feature_map import FeatureMap

__all__ = [
    "check_crops",
    "fingerprints_of",
    "made_from",
    "open_backbone",
    "open_dataset_features",
    "prepare",
    "validate",
]

VERSION = 1  # of the extraction; backbones and data sets have their own fingerprints
#: Settings of ``[features]`` that were added after the first cache entries.
ADDED_LATER = ("crop_storage", "neighbour_dropout")

Progress = Callable[[str, int, int], None]


def validate(config: TrainConfig) -> DataSet:
    """Refuse a configuration whose data, backbone or weights cannot be used.

    Loads the weights and reads the header of every image. Up to 500 images are all decoded with
    their labels, so that damaged ones are reported before any work is spent. In a larger data set
    only the first image and its label are decoded; other damaged ones are reported by name when
    their features are computed.

    Returns:
        The data set. Its notes, one line each, say what opening it found or decided, which files
        in its folders are not used, and which images are rotated by their EXIF orientation.

    Raises:
        ConfigError: If a name, a modality, an option or a resolution is wrong.
        DataError: If images are missing, damaged or do not match each other.
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
    """Memory-map features and neighbours of a configuration; compute them unless they are cached.

    Args:
        config: What to prepare; only ``data``, ``backbone``, ``features`` and the maps that the
            method reads matter.
        cache: Folder of the cache; by default that of ``UMSS_CACHE``, or the user's.
        device: Where the backbone runs.
        progress: Called with the name of a step, how much of it is done, and its total.
        verify: How closely an existing cache entry is checked; ``small`` is enough unless a run
            trains on it.

    Raises:
        ConfigError: If a name, a modality, an option or a resolution is wrong.
        DataError: If images are missing, damaged or do not match each other.
        WeightsError: If weights are missing, unreadable or do not fit.
        CacheError: If the cache is damaged or cannot be written.
    """
    report = progress or _silent
    root, place = cache_root(cache), torch.device(device)
    data_set, backbone = _open(config, place)
    fingerprints = _fingerprints(data_set, backbone, root, report)
    maps = feature_maps(config)
    fingerprints["bank"] = hash_json(
        {
            **fingerprints,
            "version": VERSION,
            "modalities": list(data_set.modalities),
            "features": _feature_settings(config.features),
            **({"maps": [MAPS_VERSION, *(each.name for each in maps)]} if maps else {}),
        }
    )
    extraction = Extraction(
        data_set=data_set,
        backbone=backbone,
        config=config.features,
        device=place,
        progress=report,
        maps=maps,
    )
    description = {
        **_description(config, data_set, fingerprints, place),
        **({MAPS: [dataclasses.asdict(each) for each in maps]} if maps else {}),
    }
    folder, built = build_once(
        root,
        fingerprints["bank"],
        build=lambda partial: build_entry(
            partial, extraction, config.data, description, root=root
        ),
        waits=lambda: report("wait for another process that builds the features", 0, 1),
    )
    dataset_features = open_dataset_features(
        folder,
        verify="sizes" if built else verify,
        progress=lambda done, total: report(
            "compare the features with their checksums", done, total
        ),
    )
    # from the data set, because older cache entries do not record it
    return dataclasses.replace(dataset_features, palette_chosen=data_set.palette_chosen)


def open_dataset_features(
    folder: Path,
    *,
    verify: Verify = "sizes",
    progress: Callable[[int, int], None] | None = None,
) -> DatasetFeatures:
    """Memory-map a complete cache entry; needs neither the images nor the weights.

    Args:
        folder: :attr:`DatasetFeatures.folder` of the process that prepared it.
        verify: ``sizes`` compares the files' sizes; ``all`` compares every byte; ``small``
            does so for an entry of up to 64 MiB.
        progress: Called while reading, with the MiB compared so far and their total.

    Raises:
        CacheError: If the entry is missing or damaged.
    """
    use = hold(folder)
    arrays, description = read_entry(folder, verify=verify, progress=progress)
    modalities = tuple(description["modalities"])
    channels = int(arrays[f"train.{modalities[0]}"].shape[3])

    def features(split: str) -> dict[str, NDArray[Any]]:
        return {modality: arrays[f"{split}.{modality}"] for modality in modalities}

    return DatasetFeatures(
        classes=tuple(description["classes"]),
        palette=tuple((red, green, blue) for red, green, blue in description["palette"]),
        modalities=modalities,
        channels=channels,
        train=TrainSplit(
            features=features("train"),
            labels=arrays.get("train.labels"),
            neighbours=arrays["train.neighbours"],
            maps={
                each: arrays[f"train.{each.name}"]
                for each in (FeatureMap(**fields) for fields in description.get(MAPS, ()))
            },
        ),
        val=ValSplit(
            features=features("val"),
            labels=arrays.get("val.labels"),
            names=tuple(description["names"]["val"]),
        ),
        test=TestSplit(
            features=features("test"),
            labels=arrays.get("test.labels"),
            names=tuple(description["names"]["test"]),
        ),
        fingerprints=description["fingerprints"],
        folder=folder,
        standards={
            name.removeprefix(STANDARD): np.array(array)
            for name, array in arrays.items()
            if name.startswith(STANDARD)
        },
        use=use,
    )


def fingerprints_of(
    config: TrainConfig, *, cache: Path | None = None, progress: Progress | None = None
) -> dict[str, str]:
    """What identifies data and weights of a configuration, without computing features.

    Args:
        config: The configuration.
        cache: Folder of the cache, where digests of files are remembered.
        progress: Called with the name of a step, how much of it is done, and its total.

    Returns:
        The fingerprints ``data`` and ``weights`` of :attr:`DatasetFeatures.fingerprints`.

    Raises:
        ConfigError, DataError, WeightsError: If data or weights cannot be used.
        CacheError: If the digests cannot be stored.
    """
    data_set, backbone = _open(config, torch.device("cpu"))
    return _fingerprints(data_set, backbone, cache_root(cache), progress or _silent)


def open_backbone(config: TrainConfig, device: torch.device) -> Backbone:
    """The configured backbone, if the configured resolutions fit it.

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
                f"features.{name} = {side} is not a multiple of {backbone.patch}, the token side"
                f" of {backbone.name!r}: give {near}"
            )
    return backbone


def check_crops(data_set: DataSet, config: FeatureConfig) -> None:
    """Refuse a train split that has only one crop.

    Raises:
        DataError: If it has.
    """
    rule = SquareRule(crop=config.crop, side=config.train_resolution)
    if len(data_set.train) * rule.each < 2:
        raise DataError(
            "the train split has one image and features.crop is 'none', but a crop needs another"
            " one as its positive: add images or set features.crop to 'five'"
        )


def made_from(config: TrainConfig) -> dict[str, Any]:
    """The tables from which features are computed, as a cache entry stores them."""
    table = record_to_table(config)
    return {name: table[name] for name in ("data", "backbone", "features")}


def _open(config: TrainConfig, device: torch.device) -> tuple[DataSet, Backbone]:
    """Data set and backbone, after checking that they fit together."""
    data_set = open_dataset(config.data)
    check_crops(data_set, config.features)
    backbone = open_backbone(config, device)
    for each in feature_maps(config):
        featuriser(backbone, each, odd=())  # refuses what the backbone cannot provide
    return data_set, backbone


def _fingerprints(
    data_set: DataSet, backbone: Backbone, root: Path, report: Progress
) -> dict[str, str]:
    return {
        "data": data_fingerprint(data_set, root, report),
        "weights": backbone.fingerprint,
    }


def _description(
    config: TrainConfig,
    data_set: DataSet,
    fingerprints: Mapping[str, str],
    device: torch.device,
) -> dict[str, Any]:
    """The description that is stored in a cache entry."""
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
    """The settings on which a cache entry depends.

    A setting that was added later is left out if it has its default, so that entries from before
    it are still found.
    """
    settings = dataclasses.asdict(config)
    default = dataclasses.asdict(FeatureConfig())
    return {
        name: value
        for name, value in settings.items()
        if name not in ADDED_LATER or value != default[name]
    }


def _silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""
