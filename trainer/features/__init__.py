"""Frozen features: computed once a configuration, cached, shared by every run."""

from trainer.features.dataset_features import (
    IGNORE,
    DatasetFeatures,
    TestSplit,
    TrainSplit,
    ValSplit,
    require_labelled,
    require_labels,
)
from trainer.features.prepare import open_dataset_features, prepare, validate

__all__ = [
    "IGNORE",
    "DatasetFeatures",
    "TestSplit",
    "TrainSplit",
    "ValSplit",
    "open_dataset_features",
    "prepare",
    "require_labelled",
    "require_labels",
    "validate",
]
