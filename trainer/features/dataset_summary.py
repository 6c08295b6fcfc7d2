"""Contents and size of the features of a data set, before they are computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.backbones import build_backbone
from trainer.config.configuration import TrainConfig
from trainer.datasets import open_dataset
from trainer.features.encoded import kept_bytes
from trainer.features.extraction import Extraction

__all__ = ["DatasetSummary", "dataset_summary"]


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """A data set and a backbone, as a run will use them."""

    #: Folder of the data set; None if it is generated.
    root: Path | None
    #: Number of files with images and labels.
    files: int
    #: Number of images per split.
    images: Mapping[str, int]
    #: Number of crops of the train split.
    crops: int
    classes: int
    #: Whether the train split has labels.
    labelled: bool
    #: Channels of a feature vector.
    channels: int
    #: Side of a token, pixels.
    patch: int
    #: Size of the cache entry in bytes, apart from a few kilobytes.
    cache_bytes: int
    #: Size in bytes of the images, such as HHA, that are computed and kept beside it.
    kept_bytes: int


def dataset_summary(config: TrainConfig) -> DatasetSummary:
    """Summarise the configured data set and backbone; decodes no image, but loads the weights.

    Raises:
        ConfigError: If a name, a modality or an option is wrong.
        DataError: If images are missing.
        WeightsError: If weights are missing, unreadable or do not fit.
    """
    data_set, cpu = open_dataset(config.data), torch.device("cpu")
    backbone = build_backbone(config.backbone, cpu)
    extraction = Extraction(
        data_set=data_set,
        backbone=backbone,
        config=config.features,
        device=cpu,
        progress=lambda what, done, total: None,
    )
    train, rule = extraction.splits()["train"]
    return DatasetSummary(
        root=data_set.root,
        files=len(data_set.source.files()),
        images={name: len(split) for name, split in data_set.splits().items()},
        crops=len(train) * rule.each,
        classes=len(data_set.classes),
        labelled=train.labelled,
        channels=backbone.channels,
        patch=backbone.patch,
        cache_bytes=extraction.size(),
        kept_bytes=sum(
            kept_bytes(data_set, modality) or 0
            for modality in data_set.modalities
            if data_set.source.is_computed(modality)
        ),
    )
