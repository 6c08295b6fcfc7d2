"""The spaces ``ratio`` and ``ratio-per-modality``: weights relative to one anchor.

Adam ignores the scale of the whole loss, so of the weights only ratios matter: in the other spaces
infinitely many settings are the same run. Here one weight, the anchor, is held at
:data:`ANCHOR_VALUE`: ``lambda_random``, or that of the first modality. Every other weight in its
sum is log-uniform over 1/20 to 20 times the anchor, and biases are uniform over their ranges.
That leaves 6 numbers with two modalities, or 6 M - 1 for M modalities with numbers of their own.

Parameters keep their names and their unit, so that a trial's values run as they are; the held ones
are part of the run's ``[hyper]``.
"""

import dataclasses

from search.errors import SettingsError
from search.spaces.canonical import ANCHOR, in_anchored_sum
from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_parameters, modality_hyper_parameters

__all__ = [
    "ANCHOR_VALUE",
    "RATIO",
    "RATIO_PER_MODALITY",
    "held_by_ratio",
    "held_by_ratio_per_modality",
    "ratio_per_modality_space",
    "ratio_space",
]

#: Their names in the table of spaces.
RATIO, RATIO_PER_MODALITY = "ratio", "ratio-per-modality"
#: Largest ratio of a weight to the anchor; its inverse is the smallest.
LARGEST_RATIO = 20.0
#: The anchor's value, with which every ratio leads to a weight of at most 1.
ANCHOR_VALUE = 1 / LARGEST_RATIO


def ratio_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """The method's shared hyper-parameters but the anchor.

    Raises:
        SettingsError: If the method has no anchor.
    """
    declared, held = hyper_parameters(config), held_by_ratio(config)
    return tuple(_relative(each, declared) for each in declared if each.name not in held)


def held_by_ratio(config: TrainConfig) -> dict[str, float]:
    """The value of the anchor.

    Raises:
        SettingsError: If the method has no anchor.
    """
    _check_anchor(config)
    return {ANCHOR: ANCHOR_VALUE}


def ratio_per_modality_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """The method's per-modality hyper-parameters but the anchor and the weights of whole losses.

    Raises:
        SettingsError: If the method has no per-modality hyper-parameters.
    """
    declared, held = modality_hyper_parameters(config), held_by_ratio_per_modality(config)
    return tuple(_relative(each, declared) for each in declared if each.name not in held)


def held_by_ratio_per_modality(config: TrainConfig) -> dict[str, float]:
    """The value of the anchor, and the default weight of each modality's whole loss.

    Raises:
        SettingsError: If the method has no per-modality hyper-parameters.
    """
    declared = modality_hyper_parameters(config)
    if not declared:
        raise SettingsError(
            f"--space {RATIO_PER_MODALITY}: the method {config.method.name} has no per-modality"
            f" hyper-parameters; give --space {RATIO} or paper"
        )
    weights = {each.name: each.default for each in declared if each.name.endswith(".weight")}
    return {f"{config.data.modalities[0]}.{ANCHOR}": ANCHOR_VALUE, **weights}


def _check_anchor(config: TrainConfig) -> None:
    if all(each.name != ANCHOR for each in hyper_parameters(config)):
        raise SettingsError(
            f"--space {RATIO}: the method {config.method.name} has no {ANCHOR}, to which other"
            " weights could be relative; give --space paper"
        )


def _relative(each: HyperParameter, declared: tuple[HyperParameter, ...]) -> HyperParameter:
    """The hyper-parameter with the range of ratios, if it is a weight in the anchor's sum.

    Its default has the same ratio to the anchor as the declared defaults.
    """
    if not in_anchored_sum(each.name):
        return each
    anchor = _default_anchor(declared)
    low = max(each.low, ANCHOR_VALUE / LARGEST_RATIO)
    high = min(each.high, ANCHOR_VALUE * LARGEST_RATIO)
    default = min(max(each.default / anchor * ANCHOR_VALUE, low), high)
    return dataclasses.replace(each, low=low, high=high, default=default, log=True)


def _default_anchor(declared: tuple[HyperParameter, ...]) -> float:
    return next(each.default for each in declared if each.name.split(".")[-1] == ANCHOR)
