"""MMD: aligns the token distribution of each auxiliary modality with that of the first one.

UniM2, supplementary, Eq. 3; kernels as in Deep Adaptation Networks (Long et al., ICML 2015).
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.methods.distillation import ONE_FACTOR, aligning
from trainer.methods.entry import Inputs, MethodEntry, options_of
from trainer.methods.option_checks import check_at_least
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["MMD", "MMDOptions"]


@dataclass(frozen=True, kw_only=True)
class MMDOptions:
    """The table ``[method.options]``."""

    #: Number of tokens per modality that a step compares, drawn from all crops of the batch; at
    #: most the batch size times the square of ``training.samples``. Time and memory grow with its
    #: square.
    tokens: int = 512

    def __post_init__(self) -> None:
        check_at_least(self, 2, "tokens")


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """STEGO with aligned distributions."""
    from trainer.losses.mmd import mmd  # lazily: imports torch
    from trainer.methods.networks.aligned import Aligned

    options = options_of(config, MMDOptions)
    align = functools.partial(mmd, tokens=options.tokens)
    return Aligned(config, modalities=inputs.modalities, channels=inputs.channels, align=align)


MMD = MethodEntry(
    build=build,
    hyper_parameters=aligning(low=1e-3, high=10.0, default=1.0),
    options=MMDOptions,
    redundant=ONE_FACTOR,
    least_modalities=2,
)
