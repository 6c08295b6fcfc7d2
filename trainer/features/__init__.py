"""Frozen features: computed once a configuration, cached, shared by every run."""

from trainer.features.dataset_features import (
    IGNORE,
    Material,
    TestSplit,
    TrainSplit,
    ValSplit,
    require_labelled,
    require_labels,
)
from trainer.features.prepare import open_material, prepare, validate

__all__ = [
    "IGNORE",
    "Material",
    "TestSplit",
    "TrainSplit",
    "ValSplit",
    "open_material",
    "prepare",
    "require_labelled",
    "require_labels",
    "validate",
]
