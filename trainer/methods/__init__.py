"""The methods. A new one is a file that declares it and a line in the table.

A declaration does not import torch; only building a method imports its networks. So a program that
only reads studies starts quickly.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter, resolve_values
from trainer.methods.coral import CORAL
from trainer.methods.cosine import COSINE
from trainer.methods.depthg import DEPTHG
from trainer.methods.eagle import EAGLE
from trainer.methods.entry import Inputs, MethodEntry
from trainer.methods.experimental.colour_cues import COLOUR_CUES
from trainer.methods.feature_map import FeatureMap
from trainer.methods.hp import HP
from trainer.methods.kmeans import KMEANS
from trainer.methods.mmd import MMD
from trainer.methods.primaps import PRIMAPS
from trainer.methods.settings import RunSettings
from trainer.methods.smooseg import SMOOSEG
from trainer.methods.stego import STEGO
from trainer.methods.transfgu import TRANSFGU
from trainer.methods.unim2 import UNIM2

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = [
    "METHODS",
    "build_method",
    "dimensions",
    "feature_maps",
    "find_method",
    "hyper_parameters",
    "hyper_values",
    "learns",
    "modality_hyper_parameters",
    "predicts_from",
    "step_values",
]

#: Name in ``method.name`` to method.
METHODS: Mapping[str, MethodEntry] = {
    "coral": CORAL,
    "cosine": COSINE,
    "depthg": DEPTHG,
    "eagle": EAGLE,
    "experimental/colour-cues": COLOUR_CUES,
    "hp": HP,
    "kmeans": KMEANS,
    "mmd": MMD,
    "primaps": PRIMAPS,
    "smooseg": SMOOSEG,
    "stego": STEGO,
    "transfgu": TRANSFGU,
    "unim2": UNIM2,
}


def learns(name: str) -> bool:
    """Whether a method learns anything but the probes.

    Raises:
        ConfigError: If the method is unknown.
    """
    return find_method(name).learns


def hyper_parameters(config: RunSettings) -> tuple[HyperParameter, ...]:
    """The hyper-parameters of the configured method for these modalities.

    Raises:
        ConfigError: If the method is unknown or not defined for so few modalities.
    """
    return _find(config).hyper_parameters(config.data.modalities)


def modality_hyper_parameters(config: RunSettings) -> tuple[HyperParameter, ...]:
    """The hyper-parameters that override a shared one for one modality, if there are any.

    Raises:
        ConfigError: As for :func:`hyper_parameters`.
    """
    return _find(config).modality_hyper_parameters(config.data.modalities)


def dimensions(config: RunSettings, searched: Collection[str]) -> int:
    """Number of dimensions in which these hyper-parameters vary the configured method.

    Adam does not see the length of a gradient, so that of the weights of a whole loss only the
    ratios matter.

    Raises:
        ConfigError: As for :func:`hyper_parameters`.
    """
    sets = _find(config).redundant(config.data.modalities)
    return len(searched) - sum(each <= set(searched) for each in sets)


def hyper_values(config: RunSettings) -> dict[str, float]:
    """All values, from ``[hyper]`` or the defaults; those for one modality only if given.

    Raises:
        ConfigError: As for :func:`hyper_parameters`, or if a name is unknown or a value is out
            of range.
    """
    single = {each.name: each for each in modality_hyper_parameters(config)}
    shared = {name: value for name, value in config.hyper.items() if name not in single}
    overriding = {
        name: single[name].check(value) for name, value in config.hyper.items() if name in single
    }
    example = next(iter(single), None)
    besides = f", or MODALITY.NAME for one modality, such as {example}" if example else ""
    return resolve_values(hyper_parameters(config), shared, besides=besides) | overriding


def step_values(config: RunSettings) -> dict[str, float]:
    """Every number that ``step`` of the configured method reads, by name.

    Raises:
        ConfigError: As for :func:`hyper_values`.
    """
    return _find(config).step_values(hyper_values(config), config.data.modalities)


def feature_maps(config: RunSettings) -> tuple[FeatureMap, ...]:
    """What a step of the configured method reads besides the features of all modalities.

    Raises:
        ConfigError: As for :func:`hyper_parameters`.
    """
    return _find(config).feature_maps(config.method, config.data.modalities)


def predicts_from(config: RunSettings) -> tuple[str, ...]:
    """The modalities that a prediction of the configured method needs, the first one first.

    Raises:
        ConfigError: As for :func:`hyper_parameters`.
    """
    return _find(config).predicts_from(config.method, config.data.modalities)


def build_method(config: RunSettings, *, channels: int, classes: int) -> "Method":
    """The configured method for features of C channels and Y classes.

    Raises:
        ConfigError: As for :func:`hyper_parameters`.
    """
    build = _find(config).build
    inputs = Inputs(modalities=config.data.modalities, channels=channels, classes=classes)
    return build(config.method, inputs)


def find_method(name: str) -> MethodEntry:
    """The method of that name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in METHODS:
        raise ConfigError(
            f"method.name = {name!r} is not known: choose one of {', '.join(METHODS)}"
        )
    return METHODS[name]


def _find(config: RunSettings) -> MethodEntry:
    """The configured method, if it is defined for these modalities and settings."""
    name, modalities = config.method.name, config.data.modalities
    entry = find_method(name).resolved(config.method)
    if len(modalities) < entry.least_modalities:
        raise ConfigError(
            f"method.name = {name!r} needs {entry.least_modalities} modalities or more, and"
            f" data.modalities = {list(modalities)}: add one, or choose another method"
        )
    entry.check(config.method, modalities)
    return entry
