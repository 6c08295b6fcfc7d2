"""Frozen features: computed once a configuration, cached, shared by every run."""

from trainer.features.material import IGNORE, Material, TestSplit, TrainSplit, ValSplit

__all__ = ["IGNORE", "Material", "TestSplit", "TrainSplit", "ValSplit"]
