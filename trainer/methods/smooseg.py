"""SmooSeg: labels that change where features change (``networks/smooseg.py`` computes it).

Paper: SmooSeg: Smoothness Prior for Unsupervised Semantic Segmentation (Lan et al., NeurIPS 2023).
Authors' code: mc-lan/SmooSeg at f9428f3. Values of hyper-parameters are those of its configuration
for Cityscapes and ViT-S (``configs/train_config.yaml``), which also has ``method.code_dim`` 64,
``training.learning_rate`` 1e-4, a batch of 32 and 3000 iterations; its code drops 0.2 of the
channels (``method.dropout``).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import (
    Inputs,
    MethodEntry,
    common_factor,
    for_any_modalities,
    options_of,
)
from trainer.methods.option_checks import check_positive
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["SMOOSEG", "SmooSegOptions"]

HYPER_PARAMETERS = (
    HyperParameter(
        name="b_self",
        low=-0.5,
        high=1,
        default=-0.02,
        published=-0.02,
        meaning="closeness within a crop from which labels should agree",
    ),
    HyperParameter(
        name="b_random",
        low=0,
        high=1,
        default=0.5,
        published=0.5,
        meaning="closeness across crops from which labels should agree",
    ),
    HyperParameter(
        name="temperature",
        low=0.02,
        high=1,
        default=0.1,
        published=0.1,
        log=True,
        meaning="softness of the labels",
    ),
    HyperParameter(
        name="lambda_data",
        low=0.1,
        high=10,
        default=1.0,
        published=1.0,
        log=True,
        meaning="weight of the data loss, which trains the prototypes",
    ),
    HyperParameter(
        name="teacher_rate",
        low=5e-4,
        high=0.1,
        default=0.002,
        published=0.002,
        log=True,
        meaning="share of the student that the teacher takes in each iteration",
    ),
)


@dataclass(frozen=True, kw_only=True)
class SmooSegOptions:
    """The table ``[method.options]``."""

    #: What segments: the teacher's own ``prototypes``, as in the paper, or the cluster ``probe``
    #: on the code, as for other methods.
    clusters: Literal["prototypes", "probe"] = "prototypes"
    #: Learning rate of the prototypes as a multiple of ``training.learning_rate``; published are
    #: 5e-4 and 1e-4.
    prototype_rate: float = 5.0
    #: When dropout is also applied to the features that measure closeness: only for a single
    #: modality, which is the case of the authors' code, always, or never.
    target_dropout: Literal["single", "always", "never"] = "single"

    def __post_init__(self) -> None:
        check_positive(self, "prototype_rate")


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """SmooSeg as configured."""
    from trainer.methods.networks.smooseg import SmooSeg  # lazily: imports torch

    options = options_of(config, SmooSegOptions)
    return SmooSeg(config, options, inputs)


SMOOSEG = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=SmooSegOptions,
    redundant=common_factor("lambda_data"),  # nothing else trains the prototypes
)
