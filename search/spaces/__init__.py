"""Search spaces by name. A new one is one file and one line in the table."""

from collections.abc import Mapping

from search.errors import SettingsError
from search.spaces.entry import SpaceEntry
from search.spaces.fixed import FIXED, fixed_space
from search.spaces.paper import paper_space
from search.spaces.per_modality import per_modality_space
from search.spaces.ranges import Range, check_name, narrowed, shared_name
from search.spaces.ratio import (
    RATIO,
    RATIO_PER_MODALITY,
    held_by_ratio,
    held_by_ratio_per_modality,
    ratio_per_modality_space,
    ratio_space,
)
from search.spaces.settings import setting_hyper_parameters
from search.spaces.space import Space
from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_parameters, learns, modality_hyper_parameters

__all__ = ["FIXED", "SPACES", "Space", "build_space", "declared_in", "held_values", "tunable"]

#: Every space by its name in ``search.space``.
SPACES: Mapping[str, SpaceEntry] = {
    "paper": SpaceEntry(searched=paper_space),
    "per-modality": SpaceEntry(searched=per_modality_space),
    RATIO: SpaceEntry(searched=ratio_space, held=held_by_ratio),
    RATIO_PER_MODALITY: SpaceEntry(
        searched=ratio_per_modality_space, held=held_by_ratio_per_modality
    ),
    FIXED: SpaceEntry(searched=fixed_space, remark="one trial"),
}


def held_values(name: str, config: TrainConfig) -> dict[str, float]:
    """The hyper-parameters that the named space holds, with their values; mostly none."""
    return SPACES[name].held(config) if name in SPACES else {}


def tunable(config: TrainConfig) -> dict[str, HyperParameter]:
    """Everything that can be searched or fixed, by name.

    These are the shared hyper-parameters, the per-modality ones, and settings of training.
    """
    every = (
        *hyper_parameters(config),
        *modality_hyper_parameters(config),
        *setting_hyper_parameters(config),
    )
    return {parameter.name: parameter for parameter in every}


def declared_in(name: str, config: TrainConfig) -> dict[str, HyperParameter]:
    """What can be searched or fixed, with the ranges of the named space for its own."""
    return {**tunable(config), **{each.name: each for each in SPACES[name].searched(config)}}


def build_space(name: str, config: TrainConfig, ranges: Mapping[str, Range]) -> Space:
    """Build the named space.

    Args:
        name: Name in the table.
        config: The run. What its table ``[hyper]`` fixes, by its own name or by its shared name,
            is not searched.
        ranges: Ranges that override those of the space, or add hyper-parameters to it.

    Raises:
        SettingsError: If no space has the name, a range is wrong, or nothing is left to search.
    """
    if name not in SPACES:
        raise SettingsError(f"unknown search space {name!r}: choose one of {', '.join(SPACES)}")
    if name == FIXED:
        return _nothing_to_search(ranges)
    if not learns(config.method.name):
        raise SettingsError(
            f"the method {config.method.name} learns nothing and has nothing to search: run it"
            " once, with `python -m trainer fit FILE` or --space fixed --trials 1, or choose"
            " another with --method"
        )
    shared = {parameter.name: parameter for parameter in hyper_parameters(config)}
    known, fixed, held = declared_in(name, config), config.hyper, held_values(name, config)
    chosen = {
        parameter.name: parameter
        for parameter in SPACES[name].searched(config)
        if parameter.name not in fixed and shared_name(parameter.name, shared) not in fixed
    }
    for ranged, given in ranges.items():
        check_name(ranged, known, "--range")
        if ranged in held:
            raise SettingsError(
                f"--range {ranged}: search.space = {name!r} holds it at {held[ranged]:g}, since"
                " only ratios to it matter; leave out the range, or choose another space"
            )
        chosen[ranged] = narrowed(known[ranged], given)
    for overruled in _overruled(config, {*chosen, *fixed}, shared):
        if overruled in ranges:
            raise SettingsError(
                f"--range {overruled}: every modality has its own {overruled} here; give the"
                f" ranges of those, such as --range {config.data.modalities[0]}.{overruled}"
            )
        chosen.pop(overruled, None)
    if not chosen:
        raise SettingsError(
            "every hyper-parameter is fixed: leave one to search, or use"
            " `python -m trainer fit FILE`"
        )
    return Space(hyper_parameters=tuple(chosen.values()))


def _nothing_to_search(ranges: Mapping[str, Range]) -> Space:
    """The empty space.

    Raises:
        SettingsError: If a range is given.
    """
    if ranges:
        raise SettingsError(
            f"--range {next(iter(ranges))}: search.space = {FIXED!r} searches nothing; leave out"
            " the range, or choose another space"
        )
    return Space(hyper_parameters=())


def _overruled(
    config: TrainConfig, given: set[str], shared: Mapping[str, HyperParameter]
) -> list[str]:
    """Shared hyper-parameters without effect, since every modality has its own value."""
    per_modality = [parameter.name for parameter in modality_hyper_parameters(config)]
    of_each = {
        name: [each for each in per_modality if shared_name(each, shared) == name]
        for name in shared
    }
    return [name for name, those in of_each.items() if those and given.issuperset(those)]
