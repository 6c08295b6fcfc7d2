"""STEGO: its options and hyper-parameters (``networks/stego.py`` computes it).

Paper: Unsupervised Semantic Segmentation by Distilling Feature Correspondences (Hamilton et
al., ICLR 2022). Authors' code: mhamilton723/STEGO at eb4d6b5.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.methods.entry import MethodEntry
from trainer.methods.pairs import pair_hyper_parameters
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["STEGO", "StegoOptions"]


@dataclass(frozen=True, kw_only=True)
class StegoOptions:
    """The table ``[method.options]``."""

    #: Whether the target of the loss is dropped out as well: with a single modality alone, as
    #: its authors do, with any number, or never.
    target_dropout: Literal["single", "always", "never"] = "single"


def build(config: MethodSettings, *, modalities: tuple[str, ...], channels: int) -> "Method":
    """STEGO as configured."""
    from trainer.methods.networks.stego import Stego  # brings torch

    options = config.options
    assert isinstance(options, StegoOptions)
    return Stego(config, options, modalities=modalities, channels=channels)


STEGO = MethodEntry(build=build, hyper_parameters=pair_hyper_parameters, options=StegoOptions)
