"""Features of mirrored images, for flip averaging: computed once by the backbone, then cached.

They cannot be derived from cached features, because a network is not symmetric: the features of a
mirrored image differ from the mirrored features of the image. They are a cache entry of their
own, whose key depends on that of the plain features. They are computed from the same squares,
mirrored after cropping and resizing, standardised by the same constants and stored in the same
number format. Channels whose sign a mirror flips, such as the sine of an angle, are flipped too.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from trainer.config.configuration import TrainConfig
from trainer.datasets import DataSet, open_dataset
from trainer.features.allocator import freed_memory_kept
from trainer.features.cache import build_once, cache_root, check_space, hash_json, hold
from trainer.features.cache_entry import EntryWriter, read_entry
from trainer.features.dataset_features import DatasetFeatures, Features
from trainer.features.extraction import Extraction, Standard
from trainer.features.featuriser import Viewed
from trainer.features.prepare import made_from, open_backbone

__all__ = ["Mirrored", "prepare_mirrored"]

VERSION = 1  # of the computation of mirrored features


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirrored:
    """Frozen features of the mirrored images of a split."""

    #: Modality to features with shape (N, H, W, C), in the order of the split.
    features: Mapping[str, Features]
    #: Prevents the cache entry from being removed while it exists.
    use: object = dataclasses.field(default=None, repr=False, compare=False)


def prepare_mirrored(
    config: TrainConfig,
    dataset_features: DatasetFeatures,
    split: Literal["val", "test"],
    *,
    cache: Path | None,
    device: torch.device,
    progress: Callable[[str, int, int], None],
) -> Mirrored:
    """Memory-map the features of a split's mirrored images; compute them unless they are cached.

    Args:
        config: The configuration from which ``dataset_features`` were prepared.
        dataset_features: The features of the images that are not mirrored.
        split: The split.
        cache: Folder of the cache; by default that of ``UMSS_CACHE``, or the user's.
        device: Where the backbone runs.
        progress: Called with the name of a step, how much of it is done, and its total.

    Raises:
        DataError: If an image is missing or damaged.
        WeightsError: If weights are missing, unreadable or do not fit.
        CacheError: If the cache is damaged or cannot be written.
    """
    key = hash_json(
        {"mirrored": split, "version": VERSION, "bank": dataset_features.fingerprints["bank"]}
    )
    folder, _ = build_once(
        cache_root(cache),
        key,
        build=lambda partial: _build(partial, config, dataset_features, split, device, progress),
        waits=lambda: progress("wait for another process that builds the features", 0, 1),
    )
    use = hold(folder)
    arrays, _ = read_entry(folder, verify="small")
    features = {
        modality: arrays[f"{split}.{modality}"] for modality in dataset_features.modalities
    }
    return Mirrored(features=features, use=use)


def _build(
    folder: Path,
    config: TrainConfig,
    dataset_features: DatasetFeatures,
    split: Literal["val", "test"],
    device: torch.device,
    progress: Callable[[str, int, int], None],
) -> None:
    plain = dataset_features.evaluated(split).features
    check_space(folder, sum(features.nbytes for features in plain.values()))
    data_set, backbone = open_dataset(config.data), open_backbone(config, device)
    with freed_memory_kept(), EntryWriter(folder=folder) as entry:
        for modality in dataset_features.modalities:
            odd = data_set.odd_channels.get(modality, ())
            extraction = Extraction(
                data_set=_without_labels(data_set, modality),
                backbone=Viewed(backbone, "flipped", odd=odd),
                config=config.features,
                device=device,
                progress=lambda what, *counts: progress(f"mirrored {what}", *counts),
            )
            extraction.write(entry, split, _standards(dataset_features, modality, device))
        entry.seal(
            {
                "mirrored": split,
                "bank": dataset_features.fingerprints["bank"],
                "device": device.type,
                "made from": made_from(config),
            }
        )


def _without_labels(data_set: DataSet, modality: str) -> DataSet:
    """One modality of the data set, without labels."""
    train, val, test = (
        dataclasses.replace(split, labelled=False)
        for split in (data_set.train, data_set.val, data_set.test)
    )
    return dataclasses.replace(data_set, modalities=(modality,), train=train, val=val, test=test)


def _standards(
    dataset_features: DatasetFeatures, modality: str, device: torch.device
) -> dict[str, Standard]:
    if modality not in dataset_features.standards:
        return {}
    rows = torch.from_numpy(np.array(dataset_features.standards[modality])).to(device)
    return {modality: Standard(rows_4C=rows)}
