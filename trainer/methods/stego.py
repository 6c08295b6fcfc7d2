"""STEGO: its options and hyper-parameters (``networks/stego.py`` computes it).

Paper: Unsupervised Semantic Segmentation by Distilling Feature Correspondences (Hamilton et
al., ICLR 2022). Authors' code: mhamilton723/STEGO at eb4d6b5.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.methods.entry import (
    Inputs,
    MethodEntry,
    common_factor,
    for_any_modalities,
    options_of,
)
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS
from trainer.methods.settings import MethodSettings
from trainer.methods.starts import Start, check_start

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["STEGO", "StegoOptions"]


@dataclass(frozen=True, kw_only=True)
class StegoOptions:
    """The table ``[method.options]``."""

    #: When dropout is also applied to the target of the loss: only for a single modality, as in
    #: the authors' code, always, or never.
    target_dropout: Literal["single", "always", "never"] = "single"
    #: Initialisation: ``random`` parameters, or ``identity``, with which the code starts as the
    #: principal components of the frozen features; a fusion with parameters starts as their mean,
    #: with ``first`` as the first modality.
    start: Start = "random"


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse an initialisation that the fusion does not allow.

    Raises:
        ConfigError: If the fusion does not allow it.
    """
    options = options_of(config, StegoOptions)
    check_start(
        options.start,
        fusion=config.fusion,
        msn=False,
        msn_residual=False,
        modalities=modalities,
    )


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """STEGO as configured."""
    from trainer.methods.networks.stego import Stego  # lazily: imports torch

    options = options_of(config, StegoOptions)
    return Stego(config, options, modalities=inputs.modalities, channels=inputs.channels)


STEGO = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*PAIR_HYPER_PARAMETERS),
    options=StegoOptions,
    redundant=common_factor(*PAIR_WEIGHTS),
    check=check,
)
