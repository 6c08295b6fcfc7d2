"""The canonical vector of a trial: what its parameters mean, whatever space they come from.

Adam ignores the scale of the whole loss, so two trials whose weights differ by a common factor are
the same run. The canonical vector divides every weight by one of them, the anchor
(``lambda_random``, or that of the first modality), and leaves biases, temperatures and learning
rates as they are. It also writes shared numbers out for every modality, where the method reads
them so. Equal vectors are equal runs up to the seed, also between studies with different spaces.
"""

import math
from collections.abc import Mapping

from search.spaces.loss_weights import ANCHOR, is_anchor, loss_weights
from search.spaces.space import Space
from trainer.config.configuration import TRIAL_SETTINGS, TrainConfig
from trainer.errors import ConfigError
from trainer.methods import step_values

__all__ = ["canonical_vector", "parameters_for", "same_vector", "vector_key"]

#: The weight of a modality's whole loss relative to the first one's; it has no unit.
RELATIVE = "lambda_cmcs"
#: Relative; sums and products in another order differ by less.
TOLERANCE = 1e-9
DIGITS = 8  # significant digits of a key


def canonical_vector(params: Mapping[str, float], config: TrainConfig) -> dict[str, float]:
    """The canonical vector of a trial; without the anchor, which would be 1.

    Args:
        params: The trial's parameters.
        config: The configuration of the study's runs; what it fixes belongs to the vector, too.

    Returns:
        Numbers by name, such as ``rgb.lambda_self``. Empty if the anchor is 0 in this trial.

    Raises:
        ConfigError: If the parameters do not fit the configuration.
    """
    run = config.with_trial(hyper=params, seed=config.seed)
    numbers = step_values(run)
    settings = {name: float(getattr(run.training, name)) for name in TRIAL_SETTINGS}
    place = _place_of_anchor(config)
    if place is None:
        return {**numbers, **settings}
    declared = loss_weights(config)
    whole = {name.partition(".")[0]: numbers[name] for name in declared.wholes & numbers.keys()}
    weights = {
        name: value * whole.get(name.partition(".")[0], 1.0)
        for name, value in numbers.items()
        if name in declared.terms
    }
    anchor = weights.pop(place)
    if not anchor > 0:
        return {}
    others = {
        name: value
        for name, value in numbers.items()
        if name not in declared.terms | declared.wholes
    }
    return {**{name: value / anchor for name, value in weights.items()}, **others, **settings}


def same_vector(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two canonical vectors are equal up to rounding; empty ones equal none."""
    return (
        bool(one)
        and one.keys() == other.keys()
        and all(math.isclose(one[name], other[name], rel_tol=TOLERANCE) for name in one)
    )


def vector_key(vector: Mapping[str, float]) -> frozenset[tuple[str, str]]:
    """The same for canonical vectors that are equal up to rounding."""
    return frozenset((name, f"{value:.{DIGITS}g}") for name, value in vector.items())


def parameters_for(
    vector: Mapping[str, float], space: Space, config: TrainConfig
) -> dict[str, float]:
    """The parameters in a space that have a canonical vector.

    Where the space leaves the scale of the weights open, the largest weight of each sum is at the
    end of its range.

    Args:
        vector: The vector, of any study with the same method and modalities.
        space: The space.
        config: The configuration of the runs in that space.

    Raises:
        ConfigError: If the space holds no such parameters, or they are out of its ranges.
    """
    params = {
        each.name: _value(each.name, vector, space, config) for each in space.hyper_parameters
    }
    checked = space.check(params)
    if not same_vector(canonical_vector(checked, config), vector):
        raise ConfigError(
            "the search space cannot express its parameters: give a study with a space that has"
            " them, such as per-modality"
        )
    return checked


def _place_of_anchor(config: TrainConfig) -> str | None:
    """The anchor's name among the numbers that a step reads; None for a method without one."""
    if ANCHOR not in loss_weights(config).terms:
        return None
    single = f"{config.data.modalities[0]}.{ANCHOR}"
    return single if single in step_values(config) else ANCHOR


def _value(name: str, vector: Mapping[str, float], space: Space, config: TrainConfig) -> float:
    """The value of one parameter; whether all together are right is checked afterwards."""
    first, declared = config.data.modalities[0], loss_weights(config)
    if name.startswith(f"{RELATIVE}."):
        return _ratio(f"{name.partition('.')[2]}.{ANCHOR}", vector)
    modality = name.rpartition(".")[0]
    if name in declared.wholes:
        largest = {each: _largest(each, vector, config) for each in config.data.modalities}
        return largest[modality] / max(largest.values())
    place = name if name in vector or modality else f"{first}.{name}"
    if name not in declared.terms:
        return _number(place, vector)
    return _ratio(place, vector) * _scale(modality or first, vector, space, config)


def _scale(modality: str, vector: Mapping[str, float], space: Space, config: TrainConfig) -> float:
    """What a ratio is multiplied by to become a weight of the modality."""
    for held in (f"{config.data.modalities[0]}.{ANCHOR}", ANCHOR):
        if held in config.hyper:
            return config.hyper[held]
    first, declared = config.data.modalities[0], loss_weights(config)
    searched = {each.name for each in space.hyper_parameters}
    if any(each.startswith(f"{modality}.") for each in declared.wholes & searched):
        return 1 / _largest(modality, vector, config)
    return min(
        each.high / ratio
        for each in space.hyper_parameters
        if each.name in declared.terms
        for ratio in [_ratio(each.name if each.name in vector else f"{first}.{each.name}", vector)]
        if ratio > 0
    )


def _largest(modality: str, vector: Mapping[str, float], config: TrainConfig) -> float:
    """The largest ratio of a modality's weights."""
    terms = loss_weights(config).terms
    found = [
        value
        for name, value in vector.items()
        if name.startswith(f"{modality}.") and name in terms
    ]
    anchor = [] if f"{modality}.{ANCHOR}" in vector else [1.0]
    return max([*found, *anchor], default=1.0) or 1.0


def _ratio(place: str, vector: Mapping[str, float]) -> float:
    """The ratio at a place; the anchor itself is not in the vector."""
    return 1.0 if is_anchor(place) and place not in vector else _number(place, vector)


def _number(place: str, vector: Mapping[str, float]) -> float:
    if place not in vector:
        raise ConfigError(
            f"it has no {place}: give trials of the same method and modalities as the study"
        )
    return vector[place]
