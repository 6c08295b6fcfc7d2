"""K-means on the frozen features: its options (``networks/frozen.py`` computes it).

No head and no loss: the probes alone are trained. The cluster probe starts at the spherical
K-means of the train split (``trainer/scoring/clustering.py``) and goes on online, as for every
method.
What a method adds to its frozen features is what it scores above this. It reads none of
``method.fusion``, ``method.code_dim``, ``method.dropout`` and ``training.learning_rate``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.methods.entry import MethodEntry
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.hyper_parameters import HyperParameter
    from trainer.methods.base import Method

__all__ = ["KMEANS", "KMeansOptions"]

JOINED = ("mean", "sum")


@dataclass(frozen=True, kw_only=True)
class KMeansOptions:
    """The table ``[method.options]``."""

    #: What is clustered: the ``mean`` or the ``sum`` of all modalities' features, or the features
    #: of the modality of that name.
    features: str = "mean"
    #: Whether the mean feature of the train split is taken off, so that cosines tell tokens apart
    #: that lie on one side of the origin.
    centre: bool = True


def hyper_parameters(modalities: tuple[str, ...]) -> tuple["HyperParameter", ...]:
    """None."""
    del modalities
    return ()


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse features of a modality that is not there.

    Raises:
        ConfigError: If they are asked for.
    """
    options = config.options
    assert isinstance(options, KMeansOptions)
    if options.features not in (*JOINED, *modalities):
        raise ConfigError(
            f"method.options.features = {options.features!r} is not there: choose one of"
            f" {', '.join((*JOINED, *modalities))}"
        )


def build(config: MethodSettings, *, modalities: tuple[str, ...], channels: int) -> "Method":
    """The frozen features as configured."""
    from trainer.methods.networks.frozen import Frozen  # brings torch

    options = config.options
    assert isinstance(options, KMeansOptions)
    return Frozen(options, modalities=modalities, channels=channels)


KMEANS = MethodEntry(
    build=build,
    hyper_parameters=hyper_parameters,
    options=KMeansOptions,
    check=check,
    learns=False,
)
