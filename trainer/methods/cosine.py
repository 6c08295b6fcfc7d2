"""Cosine: aligns each token of an auxiliary modality with the first modality's token there.

UniM2, supplementary, Eq. 4.
"""

from typing import TYPE_CHECKING

from trainer.methods.distillation import ONE_FACTOR, aligning
from trainer.methods.entry import Inputs, MethodEntry
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["COSINE"]


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """STEGO with aligned tokens."""
    from trainer.losses.cosine import cosine  # lazily: imports torch
    from trainer.methods.networks.aligned import Aligned

    return Aligned(config, modalities=inputs.modalities, channels=inputs.channels, align=cosine)


COSINE = MethodEntry(
    build=build,
    hyper_parameters=aligning(low=1e-3, high=10.0, default=1.0),
    redundant=ONE_FACTOR,
    least_modalities=2,
)
