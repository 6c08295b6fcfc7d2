"""Arrays that another cache entry already has: features are computed once for each modality.

An array of features depends on the weights, on how squares are cut, and on the images of one
split in one modality. Its key is the hash of these. An entry says the keys of its arrays, and
one that is built with other modalities links what it shares instead of computing it again.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config.configuration import DataConfig, FeatureConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.base import Split
from trainer.errors import CacheError, DataError
from trainer.features.cache import ENTRIES, MANIFEST, Use, hash_json, hold
from trainer.features.cache_entry import ArrayRecord, is_sound, read_manifest
from trainer.features.featuriser import VERSION as MAPS_VERSION
from trainer.features.fingerprint import Digest
from trainer.methods.feature_map import FeatureMap

__all__ = ["PARTS", "STANDARD", "Part", "find_parts", "images_of", "part_keys"]

PARTS = "parts"  # what an entry calls the keys of its arrays
STANDARD = "standard."  # what the names of arrays of channel statistics begin with
VERSION = 1  # of what a key is made of
#: Settings of ``[features]`` that change no feature.
OTHER_SETTINGS = ("neighbours", "neighbour_dropout")


@dataclass(frozen=True, kw_only=True)
class Part:
    """An array of another entry, which is kept from being pruned as long as this lives."""

    folder: Path
    name: str
    record: ArrayRecord
    use: Use | None

    @property
    def file(self) -> Path:
        """The file that holds it."""
        return self.folder / f"{self.name}.npy"


def part_keys(
    data_set: DataSet,
    data: DataConfig,
    features: FeatureConfig,
    digests: Mapping[str, Digest],
    *,
    backbone: str,
    standardised: bool,
    maps: Sequence[FeatureMap] = (),
) -> dict[str, str]:
    """The keys of the arrays of an entry of features, by the arrays' names.

    Args:
        data_set: The data set.
        data: What it was opened by.
        features: How images become features.
        digests: What is known of its files.
        backbone: Fingerprint of the backbone.
        standardised: Whether statistics of the train split are in all features.
        maps: Maps of the train split in addition to the features.
    """
    settings = dataclasses.asdict(features)
    same = {name: settings[name] for name in settings if name not in OTHER_SETTINGS}
    keys = {}
    for modality in data_set.modalities:
        made_from = images_of(data_set, data, modality, digests)
        splits = made_from.pop("splits")
        common = {"version": VERSION, "backbone": backbone, "features": same, **made_from}
        for name, images in splits.items():
            statistics = splits["train"] if standardised else None
            keys[f"{name}.{modality}"] = hash_json(
                {**common, "split": name, "images": images, "statistics": statistics}
            )
        if standardised:
            keys[f"{STANDARD}{modality}"] = hash_json({**common, "statistics": splits["train"]})
        for each in maps:
            if each.modality == modality:
                made = {"split": "train", "images": splits["train"], "maps": MAPS_VERSION}
                keys[f"train.{each.name}"] = hash_json({**common, **made, "map": each.name})
    return keys


def images_of(
    data_set: DataSet, data: DataConfig, modality: str, digests: Mapping[str, Digest]
) -> dict[str, Any]:
    """What the images of a modality depend on, as plain data; ``splits`` lists them.

    Args:
        data_set: The data set.
        data: What it was opened by.
        modality: One of its modalities.
        digests: What is known of its files.
    """
    needed = data_set.source.depends_on(modality)
    return {
        "modality": modality,
        "identity": dict(_alone(data_set, data, needed).identity),
        "splits": {
            name: _images(data_set, split, needed, digests)
            for name, split in data_set.splits().items()
        },
    }


def find_parts(root: Path, keys: Mapping[str, str]) -> dict[str, Part]:
    """The arrays that sound entries of the cache have, by the names they are to have.

    Args:
        root: Folder of the cache.
        keys: Name of each array that is wanted to its key.
    """
    names = {key: name for name, key in keys.items()}
    found: dict[str, Part] = {}
    for manifest in sorted((root / ENTRIES).glob(f"*/{MANIFEST}")):
        folder = manifest.parent
        try:
            content = read_manifest(folder)
        except CacheError:
            continue  # said when that entry is opened
        theirs: Mapping[str, str] = content["description"].get(PARTS, {})
        for array, key in theirs.items():
            name = names.get(key)
            if name is not None and name not in found:
                record = ArrayRecord(**content["arrays"][array])
                use = hold(folder)
                if is_sound(folder, array, record):
                    found[name] = Part(folder=folder, name=array, record=record, use=use)
    return found


def _alone(data_set: DataSet, data: DataConfig, modalities: tuple[str, ...]) -> DataSet:
    """The data set with nothing but what the pixels of a modality depend on."""
    if modalities == data_set.modalities:
        return data_set
    try:
        return open_dataset(dataclasses.replace(data, modalities=modalities))
    except DataError:  # needs the other modalities, so it shares with data sets that have them
        return data_set


def _images(
    data_set: DataSet, split: Split, modalities: tuple[str, ...], digests: Mapping[str, Digest]
) -> list[Any]:
    """Names of a split's images, with what is known of their files."""
    if data_set.root is None:
        return list(split.names)
    return [
        [
            name,
            *(
                digests[path.relative_to(data_set.root).as_posix()][2:]
                for modality in modalities
                for path in data_set.source.image_files(name, modality)
            ),
        ]
        for name in split.names
    ]
