"""EAGLE: objects found by eigenvectors, and codes that agree with them (``networks/eagle.py``).

Paper: EAGLE: Eigen Aggregation Learning for Object-Centric Unsupervised Semantic Segmentation
(Kim et al., CVPR 2024). Authors' code: MICV-yonsei/EAGLE at 5f2976c. Values are those of its
configuration for COCO-Stuff (``train_config_cocostuff.yml``), which also has ``method.code_dim``
512, a learning rate of 5e-4, a batch of 32 per GPU and 10000 iterations. For Cityscapes
(``train_config_cityscapes.yml``) ``lambda_positive`` is 0.18, ``lambda_negative`` 1, ``beta``
0.11, ``limit`` 0.7, ``objects_from`` 380, ``table_rate`` 1 and ``extra_objects`` 1.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import (
    Inputs,
    MethodEntry,
    common_factor,
    for_any_modalities,
    options_of,
)
from trainer.methods.feature_map import FeatureMap, colour_map
from trainer.methods.option_checks import check_at_least, check_below_one, check_positive
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["EAGLE", "EagleOptions", "blurred_maps"]


def _declared(
    name: str, low: float, high: float, published: float, meaning: str
) -> HyperParameter:
    return HyperParameter(
        name=name, low=low, high=high, default=published, published=published, meaning=meaning
    )


HYPER_PARAMETERS = (
    _declared("lambda_positive", 0, 1, 0.25, "weight of a crop and its blurred copy"),
    _declared("lambda_negative", 0, 1, 0.63, "weight of random crops"),
    _declared("lambda_objects", 0, 2, 0.85, "weight of the contrast between objects"),
    _declared("negative_scale", 1, 10, 3.5, "factor of the bias of random crops"),
)


@dataclass(frozen=True, kw_only=True)
class EagleOptions:
    """The table ``[method.options]``."""

    #: Eigenvectors after the first one that tell objects apart.
    eigenvectors: int = 3
    #: Objects in addition to the number of classes.
    extra_objects: int = 5
    #: Learning rate of the tables of objects as a multiple of ``training.learning_rate``;
    #: published are 5e-5 and 5e-4.
    table_rate: float = 0.1
    #: Iteration after which the contrast between objects counts.
    objects_from: int = 200
    #: Its share from then on; the rest is left to the correspondence loss.
    limit: float = 0.9
    #: Subtracted in the biases of the correspondence loss.
    beta: float = 0.0
    #: Clusters of the cluster probe in addition to one for each class; published are 5 and, for
    #: Cityscapes, 1. Their pixels count as misses.
    extra_clusters: int = 0
    #: Share of the object labels that is spread over all objects of the batch; published is 0.1
    #: for Cityscapes.
    smoothing: float = 0.0
    #: Whether the graph of tokens knows the colours of the ``image``, or a ``constant`` in their
    #: place, which is what the published code comes to.
    colours: Literal["image", "constant"] = "image"

    def __post_init__(self) -> None:
        check_at_least(self, 1, "eigenvectors")
        check_at_least(self, 0, "extra_objects", "extra_clusters", "objects_from")
        check_positive(self, "table_rate")
        check_below_one(self, "smoothing")
        if not 0 <= self.limit <= 1:
            raise ConfigError(
                f"method.options.limit = {self.limit:g} is out of range: give a number from 0 to 1"
            )


def blurred_maps(modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    """Features of every modality's blurred images."""
    return tuple(FeatureMap(modality=each, output="tokens", view="blurred") for each in modalities)


def feature_maps(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    """Blurred features, and colours."""
    del config
    return (*blurred_maps(modalities), colour_map(modalities))


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """EAGLE as configured."""
    from trainer.methods.networks.eagle import Eagle  # lazily: imports torch

    options = options_of(config, EagleOptions)
    return Eagle(config, options, inputs)


EAGLE = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=EagleOptions,
    feature_maps=feature_maps,
    redundant=common_factor("lambda_positive", "lambda_negative", "lambda_objects"),
)
