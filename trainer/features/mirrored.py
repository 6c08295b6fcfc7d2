"""Features of mirrored images, for flip averaging: computed once by the backbone, then cached.

They cannot be had from the bank, since features of a mirrored image are not those of the image
mirrored: an edge that rose to the right falls, and a network has no such symmetry. They lie in
the cache as a bank of their own, which is found by the bank it belongs to: made of the same
squares, with left and right exchanged after resizing and cutting, standardised by the same
constants and stored in the same number format. Channels that a mirror turns round, such as
the sine of an angle, are turned round as well.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from trainer.backbones import Backbone
from trainer.backbones.base import Scaling
from trainer.config.configuration import TrainConfig
from trainer.datasets import DataSet, open_dataset
from trainer.features.allocator import freed_memory_kept
from trainer.features.bank import BankWriter, read_bank
from trainer.features.cache import build_once, cache_root, check_space, hash_json, hold
from trainer.features.dataset_features import DatasetFeatures, Features
from trainer.features.extraction import Extraction, Standard
from trainer.features.prepare import made_from, open_backbone

__all__ = ["Mirrored", "prepare_mirrored"]

VERSION = 1  # of how mirrored features are made


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirrored:
    """Frozen features of the mirrored images of a split."""

    #: Modality to features with shape (N, H, W, C), in the order of the split.
    features: Mapping[str, Features]
    #: Keeps the bank from being pruned as long as it lives.
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
    """Compute the features of a split's mirrored images, or find them complete, and map them.

    Args:
        config: What the material was prepared from.
        dataset_features: The bank they belong to.
        split: Which images.
        cache: Folder of the cache; by default that of ``UMSS_CACHE``, or the user's.
        device: Where the backbone runs.
        progress: Called with what is done, how much of it, and of how much.

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
    arrays, _ = read_bank(folder, verify="small")
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
    with freed_memory_kept(), BankWriter(folder=folder) as bank:
        for modality in dataset_features.modalities:
            odd = data_set.odd_channels.get(modality, ())
            extraction = Extraction(
                data_set=_features_alone(data_set, modality),
                backbone=_MirrorFirst(backbone=backbone, odd=odd),
                config=config.features,
                device=device,
                progress=lambda what, *counts: progress(f"mirrored {what}", *counts),
            )
            extraction.write(bank, split, _standards(dataset_features, modality, device))
        bank.seal(
            {
                "mirrored": split,
                "bank": dataset_features.fingerprints["bank"],
                "device": device.type,
                "made from": made_from(config),
            }
        )


def _features_alone(data_set: DataSet, modality: str) -> DataSet:
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _MirrorFirst:
    """A backbone that sees every image in a mirror."""

    backbone: Backbone
    #: Channels that a mirror turns round.
    odd: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.backbone.name

    @property
    def channels(self) -> int:
        return self.backbone.channels

    @property
    def patch(self) -> int:
        return self.backbone.patch

    @property
    def scaling(self) -> Scaling | None:
        return self.backbone.scaling

    @property
    def fingerprint(self) -> str:
        return f"{self.backbone.fingerprint}-mirrored"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        mirrored = images.flip(-1)
        for channel in self.odd:
            mirrored[:, channel] = 1 - mirrored[:, channel]
        return self.backbone.features(mirrored)
