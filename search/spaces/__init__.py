"""Search spaces by name. A new one is one file and one line in the table."""

from collections.abc import Callable, Mapping

from search.errors import SettingsError
from search.spaces.paper import paper_space
from search.spaces.per_modality import per_modality_space
from search.spaces.ranges import Range, check_name, narrowed, shared_name
from search.spaces.settings import setting_knobs
from search.spaces.space import Space
from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_parameters, learns, modality_hyper_parameters

__all__ = ["SPACES", "Space", "build_space", "tunable"]

#: Each names the knobs that it turns, for the configured method and modalities.
SPACES: Mapping[str, Callable[[TrainConfig], tuple[HyperParameter, ...]]] = {
    "paper": paper_space,
    "per-modality": per_modality_space,
}


def tunable(config: TrainConfig) -> dict[str, HyperParameter]:
    """All that could be searched or fixed, by name: shared knobs, fine ones, settings."""
    every = (*hyper_parameters(config), *modality_hyper_parameters(config), *setting_knobs(config))
    return {knob.name: knob for knob in every}


def build_space(name: str, config: TrainConfig, ranges: Mapping[str, Range]) -> Space:
    """Build the named space.

    Args:
        name: Name in the table.
        config: The run; what its ``[hyper]`` fixes, by its own or by its shared name, is not
            searched.
        ranges: Ranges that go before those of the space, or add to it.

    Raises:
        SettingsError: If there is no such space, a range is wrong, or nothing is left to search.
    """
    if name not in SPACES:
        raise SettingsError(f"unknown search space {name!r}: choose one of {', '.join(SPACES)}")
    if not learns(config.method.name):
        raise SettingsError(
            f"the method {config.method.name} learns nothing and has nothing to search: run it"
            " once by `python -m trainer fit FILE`, or choose another by --method"
        )
    shared = {knob.name: knob for knob in hyper_parameters(config)}
    known, fixed = tunable(config), config.hyper
    chosen = {
        knob.name: knob
        for knob in SPACES[name](config)
        if knob.name not in fixed and shared_name(knob.name, shared) not in fixed
    }
    for ranged, given in ranges.items():
        check_name(ranged, known, "--range")
        chosen[ranged] = narrowed(known[ranged], given)
    for overruled in _overruled(config, {*chosen, *fixed}, shared):
        if overruled in ranges:
            raise SettingsError(
                f"--range {overruled}: every modality has a {overruled} of its own here; give"
                f" the ranges of those, such as --range {config.data.modalities[0]}.{overruled}"
            )
        chosen.pop(overruled, None)
    if not chosen:
        raise SettingsError(
            "every knob is fixed: leave one to search, or use `python -m trainer fit FILE`"
        )
    return Space(knobs=tuple(chosen.values()))


def _overruled(
    config: TrainConfig, given: set[str], shared: Mapping[str, HyperParameter]
) -> list[str]:
    """Shared knobs that act on no modality, since each has a value of its own."""
    fine = [knob.name for knob in modality_hyper_parameters(config)]
    of_each = {
        name: [each for each in fine if shared_name(each, shared) == name] for name in shared
    }
    return [name for name, those in of_each.items() if those and given.issuperset(those)]
