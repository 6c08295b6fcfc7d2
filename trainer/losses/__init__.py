"""Losses as pure functions of features, codes, hyper-parameters and draws."""

from trainer.losses.cmcs import HYPER_NAMES, cmcs_weights
from trainer.losses.correspondence import correspondence
from trainer.losses.sampling import PairPoints

__all__ = ["HYPER_NAMES", "PairPoints", "cmcs_weights", "correspondence"]
