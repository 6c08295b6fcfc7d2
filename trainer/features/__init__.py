"""Frozen features: computed once per configuration, cached, and shared by all runs."""

from trainer.features.dataset_features import (
    IGNORE,
    DatasetFeatures,
    TestSplit,
    TrainSplit,
    ValSplit,
    require_images,
    require_labelled,
    require_labels,
)
from trainer.features.prepare import (
    fingerprints_of,
    open_dataset_features,
    prepare,
    validate,
)

__all__ = [
    "IGNORE",
    "DatasetFeatures",
    "TestSplit",
    "TrainSplit",
    "ValSplit",
    "fingerprints_of",
    "open_dataset_features",
    "prepare",
    "require_images",
    "require_labelled",
    "require_labels",
    "validate",
]
