"""Losses as pure functions of features, codes, hyper-parameters and draws."""

from trainer.losses.cmcs import cmcs_weights, pair_weights
from trainer.losses.correspondence import correspondence
from trainer.losses.sampling import PairPoints

__all__ = ["PairPoints", "cmcs_weights", "correspondence", "pair_weights"]
