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
from collections.abc import Container, Sequence

from search.errors import SettingsError
from search.spaces.loss_weights import ANCHOR, is_anchor, loss_weights
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
    return _relative(declared, held, config)


def held_by_ratio(config: TrainConfig) -> dict[str, float]:
    """The value of the anchor.

    Raises:
        SettingsError: If the method has no anchor.
    """
    _check_anchor(ANCHOR, config)
    return {ANCHOR: ANCHOR_VALUE}


def ratio_per_modality_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """The method's per-modality hyper-parameters but the anchor and the weights of whole losses.

    Raises:
        SettingsError: If the method has no per-modality hyper-parameters.
    """
    declared, held = modality_hyper_parameters(config), held_by_ratio_per_modality(config)
    return _relative(declared, held, config)


def held_by_ratio_per_modality(config: TrainConfig) -> dict[str, float]:
    """The value of the anchor, and the default weight of each modality's whole loss.

    Raises:
        SettingsError: If the method has no per-modality hyper-parameters, or no anchor among
            them.
    """
    declared = modality_hyper_parameters(config)
    if not declared:
        raise SettingsError(
            f"--space {RATIO_PER_MODALITY}: the method {config.method.name} has no per-modality"
            f" hyper-parameters; give --space {RATIO} or paper"
        )
    anchor = f"{config.data.modalities[0]}.{ANCHOR}"
    _check_anchor(anchor, config)
    wholes = loss_weights(config).wholes
    weights = {each.name: each.default for each in declared if each.name in wholes}
    return {anchor: ANCHOR_VALUE, **weights}


def _check_anchor(anchor: str, config: TrainConfig) -> None:
    if anchor not in loss_weights(config).terms:
        raise SettingsError(
            f"--space {RATIO}: the method {config.method.name} has no {anchor}, to which other"
            " weights could be relative; give --space paper"
        )


def _relative(
    declared: Sequence[HyperParameter], held: Container[str], config: TrainConfig
) -> tuple[HyperParameter, ...]:
    """Those that are not held; weights in the anchor's sum with the range of ratios."""
    terms = loss_weights(config).terms
    anchor = next(each.default for each in declared if is_anchor(each.name))
    return tuple(
        _as_ratio(each, anchor) if each.name in terms else each
        for each in declared
        if each.name not in held
    )


def _as_ratio(each: HyperParameter, anchor: float) -> HyperParameter:
    """The weight with the range of ratios; its default has the same ratio to the anchor's."""
    low = max(each.low, ANCHOR_VALUE / LARGEST_RATIO)
    high = min(each.high, ANCHOR_VALUE * LARGEST_RATIO)
    default = min(max(each.default / anchor * ANCHOR_VALUE, low), high)
    return dataclasses.replace(each, low=low, high=high, default=default, log=True)
