"""DepthG: STEGO that learns from depth and segments without it (``networks/depthg.py``).

Paper: Unsupervised Semantic Segmentation Through Depth-Guided Feature Correlation and Sampling
(Sick et al., CVPR 2024). Authors' code: leonsick/depthg at 0316879. Values of hyper-parameters
and of the schedule are those of its script for COCO-Stuff and ViT-S (``paper_reproduction.sh``).
"""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import (
    Inputs,
    MethodEntry,
    common_factor,
    for_any_modalities,
    options_of,
)
from trainer.methods.feature_map import FeatureMap
from trainer.methods.option_checks import check_at_least
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["DEPTHG", "DepthGOptions", "depth_map"]

PUBLISHED = {
    "lambda_self": 0.58,
    "b_self": 0.07,
    "lambda_knn": 0.36,
    "b_knn": 0.025,
    "lambda_random": 0.7,
    "b_random": 0.761,
}

#: STEGO's with the values of this paper, and weight and bias of the depth loss.
HYPER_PARAMETERS = (
    *(
        dataclasses.replace(each, default=PUBLISHED[each.name], published=PUBLISHED[each.name])
        for each in PAIR_HYPER_PARAMETERS
    ),
    HyperParameter(
        name="lambda_depth",
        low=0,
        high=1,
        default=0.19,
        published=0.19,
        meaning="weight of the depth loss at the start",
    ),
    HyperParameter(
        name="b_depth",
        low=0,
        high=1,
        default=0.03,
        published=0.03,
        meaning="bias of the depth loss at the start",
    ),
)


@dataclass(frozen=True, kw_only=True)
class DepthGOptions:
    """The table ``[method.options]``."""

    #: Name of the modality that holds depth. It is only used in training; the others are encoded.
    depth: str = "depth"
    #: Channel of the depth images that holds the distance, from 0.
    channel: int = 0
    #: Whether that channel grows with the ``distance`` or with its ``inverse``, as disparity does,
    #: which is the first channel of HHA.
    values: Literal["distance", "inverse"] = "distance"
    #: How similar two depths are: ``difference`` is 1 less their difference, as a share of the
    #: range of the crop; ``released`` is 1 wherever there is depth, as in the published code.
    affinity: Literal["difference", "released"] = "difference"
    #: Where features are compared: at the points farthest from each other in space, or at random.
    points: Literal["farthest", "random"] = "farthest"
    #: Factor by which weight and bias of the depth loss shrink, and after how many iterations.
    decay: float = 0.6
    decay_every: int = 250

    def __post_init__(self) -> None:
        if not 0 <= self.channel <= 2:
            raise ConfigError(
                f"method.options.channel = {self.channel} does not exist: give 0, 1 or 2"
            )
        if not 0 < self.decay <= 1:
            raise ConfigError(
                f"method.options.decay = {self.decay:g} is out of range: give a number above 0, up"
                " to 1"
            )
        check_at_least(self, 1, "decay_every")


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse modalities without depth, or with depth as the one that is segmented.

    Raises:
        ConfigError: If there is no auxiliary modality of that name.
    """
    options = options_of(config, DepthGOptions)
    if options.depth not in modalities[1:]:
        raise ConfigError(
            f"method.name = 'depthg' learns from depth, and data.modalities = {list(modalities)}"
            f" has no {options.depth!r} after the first one: add it, or name another modality with"
            " method.options.depth"
        )


def depth_map(options: DepthGOptions) -> FeatureMap:
    """The depth of each token."""
    return FeatureMap(modality=options.depth, output="pixels")


def feature_maps(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    """The depth images."""
    del modalities
    options = options_of(config, DepthGOptions)
    return (depth_map(options),)


def predicts_from(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[str, ...]:
    """All modalities but depth."""
    options = options_of(config, DepthGOptions)
    return tuple(each for each in modalities if each != options.depth)


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """DepthG as configured."""
    from trainer.methods.networks.depthg import DepthG  # lazily: imports torch

    options = options_of(config, DepthGOptions)
    return DepthG(config, options, modalities=inputs.modalities, channels=inputs.channels)


DEPTHG = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=DepthGOptions,
    redundant=common_factor(*PAIR_WEIGHTS, "lambda_depth"),
    least_modalities=2,
    check=check,
    feature_maps=feature_maps,
    predicts_from=predicts_from,
)
