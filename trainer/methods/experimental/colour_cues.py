"""Colour cues: STEGO with fuzzy colour clusters and a contrast that ignores changed colours.

An experiment of ours (``networks/colour_cues.py`` computes it). The ideas, low-level cues from
fuzzy clusters of colour and codes that colour and lightness do not change, are those of the
abstract of Qing et al. (AAAI 2025), which is all that was known of it: no losses, no numbers. It
is not that method, and its figures say nothing about that method.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import (
    Inputs,
    MethodEntry,
    common_factor,
    for_any_modalities,
    options_of,
)
from trainer.methods.feature_map import FeatureMap, colour_map, jittered_map
from trainer.methods.option_checks import check_at_least, check_positive
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["COLOUR_CUES", "ColourCuesOptions"]

HYPER_PARAMETERS = (
    *PAIR_HYPER_PARAMETERS,
    HyperParameter(
        name="lambda_cues",
        low=0,
        high=1,
        default=0.3,
        meaning="weight of pairs of tokens whose colours are alike",
    ),
    HyperParameter(
        name="b_cues",
        low=0,
        high=1,
        default=0.5,
        meaning="likeness of colours from which codes should agree",
    ),
    HyperParameter(
        name="lambda_colour",
        low=1e-3,
        high=1,
        default=0.05,
        log=True,
        meaning="weight of finding tokens again in other colours",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ColourCuesOptions:
    """The table ``[method.options]``."""

    #: Fuzzy clusters of each crop.
    clusters: int = 6
    #: Weight of the place of a token beside its colour.
    place: float = 0.3
    #: Weight of the tokens around it.
    neighbours: float = 1.0
    #: Softness of the contrast.
    temperature: float = 0.2

    def __post_init__(self) -> None:
        check_at_least(self, 2, "clusters")
        for name in ("place", "neighbours"):
            if not getattr(self, name) >= 0:
                raise ConfigError(
                    f"method.options.{name} = {getattr(self, name):g} is out of range: give 0 or"
                    " more"
                )
        check_positive(self, "temperature")


def feature_maps(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    """Both."""
    del config
    return (colour_map(modalities), jittered_map(modalities))


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """The method as configured."""
    from trainer.methods.networks.colour_cues import ColourCues  # lazily: imports torch

    return ColourCues(config, options_of(config, ColourCuesOptions), inputs)


COLOUR_CUES = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=ColourCuesOptions,
    redundant=common_factor(*PAIR_WEIGHTS, "lambda_cues", "lambda_colour"),
    feature_maps=feature_maps,
)
