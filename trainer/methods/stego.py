"""STEGO: its options and hyper-parameters (``networks/stego.py`` computes it).

Paper: Unsupervised Semantic Segmentation by Distilling Feature Correspondences (Hamilton et
al., ICLR 2022). Authors' code: mhamilton723/STEGO at eb4d6b5.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.methods.entry import MethodEntry
from trainer.methods.pairs import pair_hyper_parameters
from trainer.methods.settings import MethodSettings
from trainer.methods.starts import Start, check_identity

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["STEGO", "StegoOptions"]


@dataclass(frozen=True, kw_only=True)
class StegoOptions:
    """The table ``[method.options]``."""

    #: Whether the target of the loss is dropped out as well: with a single modality alone, as
    #: its authors do, with any number, or never.
    target_dropout: Literal["single", "always", "never"] = "single"
    #: What learning starts from: drawn numbers, or the frozen features themselves, fused by their
    #: mean where the fusion is learnt, with the code at their principal components.
    start: Start = "random"


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse a start that the fusion does not allow.

    Raises:
        ConfigError: If it does not.
    """
    options = config.options
    assert isinstance(options, StegoOptions)
    if options.start == "identity":
        check_identity(fusion=config.fusion, msn=False, msn_residual=False, modalities=modalities)


def build(config: MethodSettings, *, modalities: tuple[str, ...], channels: int) -> "Method":
    """STEGO as configured."""
    from trainer.methods.networks.stego import Stego  # brings torch

    options = config.options
    assert isinstance(options, StegoOptions)
    return Stego(config, options, modalities=modalities, channels=channels)


STEGO = MethodEntry(
    build=build, hyper_parameters=pair_hyper_parameters, options=StegoOptions, check=check
)
