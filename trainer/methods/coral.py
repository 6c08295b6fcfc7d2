"""CORAL: aligns the covariance of each auxiliary modality with that of the first one.

UniM2, supplementary, Eq. 2; Deep CORAL (Sun and Saenko, ECCV 2016 workshops). Because of the
division by 4 d^2 the loss is small for many channels, so its weight has a wider range.
"""

from typing import TYPE_CHECKING

from trainer.methods.distillation import ONE_FACTOR, aligning
from trainer.methods.entry import Inputs, MethodEntry
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["CORAL"]


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """STEGO with aligned covariances."""
    from trainer.losses.coral import coral  # lazily: imports torch
    from trainer.methods.networks.aligned import Aligned

    return Aligned(config, modalities=inputs.modalities, channels=inputs.channels, align=coral)


CORAL = MethodEntry(
    build=build,
    hyper_parameters=aligning(low=1e-2, high=1e4, default=1.0),
    redundant=ONE_FACTOR,
    least_modalities=2,
)
