"""K-means on the frozen features: its options (``networks/frozen.py`` computes it).

There is no head and no loss: only the probes are trained. The cluster probe starts at the
spherical K-means of the train split (``trainer/scoring/clustering.py``) and is then trained
online, as for every method. It is the baseline for methods that learn from frozen features. It
ignores ``method.fusion``, ``method.code_dim``, ``method.dropout`` and ``training.learning_rate``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.methods.entry import NO_HYPER_PARAMETERS, Inputs, MethodEntry, options_of
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["KMEANS", "KMeansOptions"]

JOINED = ("mean", "sum")


@dataclass(frozen=True, kw_only=True)
class KMeansOptions:
    """The table ``[method.options]``."""

    #: The features to cluster: the ``mean`` or the ``sum`` over all modalities, or the name of one
    #: modality.
    features: str = "mean"
    #: Whether to subtract the mean feature of the train split. Otherwise all tokens may lie on one
    #: side of the origin, where their cosines hardly differ.
    centre: bool = True


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse features of a modality that the run does not have.

    Raises:
        ConfigError: If the options name one.
    """
    options = options_of(config, KMeansOptions)
    if options.features not in (*JOINED, *modalities):
        raise ConfigError(
            f"method.options.features = {options.features!r} is not a modality: choose one of"
            f" {', '.join((*JOINED, *modalities))}"
        )


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """The frozen features as configured."""
    from trainer.methods.networks.frozen import Frozen  # lazily: imports torch

    options = options_of(config, KMeansOptions)
    return Frozen(options, modalities=inputs.modalities, channels=inputs.channels)


KMEANS = MethodEntry(
    build=build,
    hyper_parameters=NO_HYPER_PARAMETERS,
    options=KMeansOptions,
    check=check,
    learns=False,
)
