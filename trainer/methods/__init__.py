"""The methods: one file each, one entry each in the table.

What a search may turn is known without the networks: they, and with them torch, are imported
when a method is built, so that a program that only reads studies starts without.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer.config.configuration import TrainConfig
from trainer.errors import ConfigError
from trainer.knobs import Knob, resolve_values
from trainer.methods.entry import MethodEntry
from trainer.methods.pair_knobs import (
    modality_knobs,
    no_knobs,
    pair_and_cmcs_knobs,
    pair_knobs,
)

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = [
    "METHODS",
    "build_method",
    "fine_knobs",
    "hyper_values",
    "knobs",
]

#: Name in ``method.name`` to method.
METHODS: Mapping[str, MethodEntry] = {
    "stego": MethodEntry(
        implementation="trainer.methods.stego:Stego", knobs=pair_knobs, fine_knobs=no_knobs
    ),
    "unim2": MethodEntry(
        implementation="trainer.methods.unim2:UniM2",
        knobs=pair_and_cmcs_knobs,
        fine_knobs=modality_knobs,
    ),
}


def knobs(config: TrainConfig) -> tuple[Knob, ...]:
    """The numbers of the configured method that a search may turn, for these modalities.

    Raises:
        ConfigError: If the method is unknown.
    """
    return _find(config).knobs(config.data.modalities)


def fine_knobs(config: TrainConfig) -> tuple[Knob, ...]:
    """Knobs that overrule a shared one for one modality, where the method has such.

    Raises:
        ConfigError: If the method is unknown.
    """
    return _find(config).fine_knobs(config.data.modalities)


def hyper_values(config: TrainConfig) -> dict[str, float]:
    """Every knob's value, given in ``[hyper]`` or its default; a fine knob only if given.

    Raises:
        ConfigError: If the method or a name is unknown, or a value is out of range.
    """
    fine = {knob.name: knob for knob in fine_knobs(config)}
    shared = {name: value for name, value in config.hyper.items() if name not in fine}
    overruled = {
        name: fine[name].check(value) for name, value in config.hyper.items() if name in fine
    }
    besides = f", or MODALITY.NAME for one modality, such as {next(iter(fine))}" if fine else ""
    return resolve_values(knobs(config), shared, besides=besides) | overruled


def build_method(config: TrainConfig, *, channels: int) -> "Method":
    """The configured method for features of C channels.

    Raises:
        ConfigError: If the method is unknown.
    """
    method = _find(config).load()
    return method(config.method, modalities=config.data.modalities, channels=channels)


def _find(config: TrainConfig) -> MethodEntry:
    if config.method.name not in METHODS:
        raise ConfigError(
            f"method.name = {config.method.name!r} is not known:"
            f" choose one of {', '.join(METHODS)}"
        )
    return METHODS[config.method.name]
