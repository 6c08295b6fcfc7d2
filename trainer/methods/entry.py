"""The declaration of a method: its options, its hyper-parameters, and how it is built.

A declaration is read without torch; ``build`` imports the networks when it is called.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from trainer.hyper_parameters import HyperParameter
from trainer.methods.feature_map import FeatureMap
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = [
    "NO_HYPER_PARAMETERS",
    "Build",
    "DeclaredFor",
    "Inputs",
    "MethodEntry",
    "NoOptions",
    "common_factor",
    "for_any_modalities",
    "options_of",
]

Options = TypeVar("Options")

#: Maps the modalities to hyper-parameters.
DeclaredFor = Callable[[tuple[str, ...]], tuple[HyperParameter, ...]]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a method is built for."""

    #: Modalities, the first one before its auxiliaries.
    modalities: tuple[str, ...]
    #: Number C of feature channels of each modality.
    channels: int
    #: Number Y of classes.
    classes: int


class Build(Protocol):
    """Builds a configured method."""

    def __call__(self, config: MethodSettings, inputs: Inputs) -> "Method":
        """The method with these settings for these inputs."""


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """The table ``[method.options]`` of a method that has none."""


def for_any_modalities(*hyper_parameters: HyperParameter) -> DeclaredFor:
    """Declares the same hyper-parameters for all modalities."""

    def declared(modalities: tuple[str, ...]) -> tuple[HyperParameter, ...]:
        del modalities
        return hyper_parameters

    return declared


def options_of(config: MethodSettings, record: type[Options]) -> Options:
    """The method's own options, which are such a record."""
    options = config.options
    assert isinstance(options, record)
    return options


NO_HYPER_PARAMETERS = for_any_modalities()


def _unchanged(values: Mapping[str, float], modalities: tuple[str, ...]) -> dict[str, float]:
    del modalities
    return dict(values)


def _anything(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    del config, modalities


def _all(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[str, ...]:
    del config
    return modalities


def _no_maps(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    del config, modalities
    return ()


def _nothing_redundant(modalities: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    del modalities
    return ()


def common_factor(*names: str) -> Callable[[tuple[str, ...]], tuple[frozenset[str], ...]]:
    """Declares the weights of all terms of a loss, of which only the ratios matter."""

    def redundant(modalities: tuple[str, ...]) -> tuple[frozenset[str], ...]:
        del modalities
        return (frozenset(names),)

    return redundant


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method before it is configured."""

    #: Builds the method.
    build: Build
    #: Maps the modalities to the method's hyper-parameters, shared if the paper shares them.
    hyper_parameters: DeclaredFor
    #: Maps the modalities to hyper-parameters that override a shared one for one modality.
    modality_hyper_parameters: DeclaredFor = NO_HYPER_PARAMETERS
    #: Maps the hyper-parameters' values and the modalities to the numbers that ``step`` reads.
    step_values: Callable[[Mapping[str, float], tuple[str, ...]], dict[str, float]] = _unchanged
    #: Record of the table ``[method.options]``: a frozen dataclass.
    options: type[Any] = NoOptions
    #: Smallest number of modalities for which the method is defined.
    least_modalities: int = 1
    #: Raises ``ConfigError`` if settings contradict each other or the modalities.
    check: Callable[[MethodSettings, tuple[str, ...]], None] = _anything
    #: Maps settings and modalities to what a step reads besides the features of all modalities.
    feature_maps: Callable[[MethodSettings, tuple[str, ...]], tuple[FeatureMap, ...]] = _no_maps
    #: Maps settings and modalities to those that a prediction needs, the first one among them.
    predicts_from: Callable[[MethodSettings, tuple[str, ...]], tuple[str, ...]] = _all
    #: Maps the modalities to sets of hyper-parameters that have one dimension less than numbers
    #: if all of a set are searched: a factor of all of them, or of some against the others,
    #: changes a gradient's length at most, which Adam does not see.
    redundant: Callable[[tuple[str, ...]], tuple[frozenset[str], ...]] = _nothing_redundant
    #: Whether the method trains a network; if not, only the probes are trained.
    learns: bool = True
    #: The whole declaration for given settings, of a method that builds on one they name.
    on_settings: "Callable[[MethodSettings], MethodEntry] | None" = None

    def resolved(self, config: MethodSettings) -> "MethodEntry":
        """The declaration for these settings.

        Raises:
            ConfigError: If the settings name no such method to build on.
        """
        return self if self.on_settings is None else self.on_settings(config)
