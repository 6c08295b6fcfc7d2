"""Table of the fusions of several modalities' token maps (``docs/method.md``).

A new fusion is one file and one entry in the table. Reading the table does not import torch; the
loaders do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.fusions.base import Fusion

__all__ = ["FUSIONS", "FusionEntry", "find_fusion"]


@dataclass(frozen=True, kw_only=True)
class FusionEntry:
    """A fusion before it is built."""

    #: Returns its class.
    load: Callable[[], "type[Fusion]"]
    #: Why it cannot start with unchanged features (``start = "identity"``); None if it can.
    not_from_identity: str | None = None
    #: Why it cannot start as the first modality alone (``start = "first"``); None if it can.
    not_from_first: str | None = "it treats all modalities alike"

    def build(self, *, modalities: int, channels: int) -> "Fusion":
        """The fusion of M modalities with C feature channels each."""
        return self.load()(modalities=modalities, channels=channels)


def _sum() -> "type[Fusion]":
    from trainer.fusions.elementwise import SumFusion

    return SumFusion


def _mean() -> "type[Fusion]":
    from trainer.fusions.elementwise import MeanFusion

    return MeanFusion


def _max() -> "type[Fusion]":
    from trainer.fusions.elementwise import MaxFusion

    return MaxFusion


def _convolution() -> "type[Fusion]":
    from trainer.fusions.convolution import ConvolutionFusion

    return ConvolutionFusion


def _ladder() -> "type[Fusion]":
    from trainer.fusions.ladder import LadderFusion

    return LadderFusion


NORMALISES = "it normalises the features"

#: Value of ``method.fusion`` to the fusion.
FUSIONS: Mapping[str, FusionEntry] = {
    "sum": FusionEntry(load=_sum),
    "mean": FusionEntry(load=_mean),
    "max": FusionEntry(load=_max),
    "conv": FusionEntry(load=_convolution, not_from_first=None),
    "ladder": FusionEntry(load=_ladder, not_from_identity=NORMALISES, not_from_first=NORMALISES),
}


def find_fusion(name: str) -> FusionEntry:
    """The entry of a fusion.

    Raises:
        ConfigError: If there is none with that name.
    """
    if name not in FUSIONS:
        raise ConfigError(
            f"method.fusion = {name!r} is unknown: choose one of {', '.join(FUSIONS)}"
        )
    return FUSIONS[name]
