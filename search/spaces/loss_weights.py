"""The weights of a loss of which only the ratios matter, as the method declares them.

``MethodEntry.redundant`` declares sets of weights with a common factor that Adam does not see. The
weights that share such a set with the anchor are relative to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trainer.config.configuration import TrainConfig
from trainer.methods import find_method

__all__ = ["ANCHOR", "LossWeights", "is_anchor", "loss_weights"]

#: The weight to which the others are relative; a modality's own one is ``MODALITY.lambda_random``.
ANCHOR = "lambda_random"


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Names of weights; empty for a method that declares none relative to the anchor."""

    #: Weights in the same sum as an anchor, with the anchor itself.
    terms: frozenset[str]
    #: Weights of a whole sum, such as that of a modality, against the other sums.
    wholes: frozenset[str]


def loss_weights(config: TrainConfig) -> LossWeights:
    """Those of the configured method, for the configured modalities.

    Raises:
        ConfigError: If the method is unknown, or its settings name no method to build on.
    """
    entry = find_method(config.method.name).resolved(config.method)
    sets = entry.redundant(config.data.modalities)
    anchored = _union(each for each in sets if any(map(is_anchor, each)))
    wholes = anchored & _union(each for each in sets if not any(map(is_anchor, each)))
    return LossWeights(terms=anchored - wholes, wholes=wholes)


def is_anchor(name: str) -> bool:
    """Whether it is the anchor, or that of a modality."""
    return name.rpartition(".")[2] == ANCHOR


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
