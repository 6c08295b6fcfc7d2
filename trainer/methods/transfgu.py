"""TransFGU: pseudo labels from windows, and a decoder taught by itself (``networks/transfgu.py``).

Paper: TransFGU: A Top-down Approach to Fine-Grained Unsupervised Semantic Segmentation (Yin et
al., ECCV 2022). Authors' code: damo-cv/TransFGU at ea49bcd. Values are those of its configuration
for Cityscapes (``configs/cityscapes.yaml``), which also has a learning rate of 5e-5, a batch of
256 and 50 epochs, after each of which the teacher is replaced.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import Inputs, MethodEntry, for_any_modalities, options_of
from trainer.methods.option_checks import check_at_least
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["TRANSFGU", "TransFGUOptions"]

HYPER_PARAMETERS = (
    HyperParameter(
        name="lambda_doubt",
        low=0,
        high=2,
        default=0.3,
        published=0.3,
        meaning="weight of the doubt between the two likeliest classes",
    ),
    HyperParameter(
        name="lambda_apart",
        low=0,
        high=4,
        default=1.0,
        published=1.0,
        meaning="weight of the cosines between class tokens",
    ),
    HyperParameter(
        name="against",
        low=0,
        high=0.5,
        default=0.1,
        published=0.1,
        meaning="largest weight of wrong labels, once there is a teacher",
    ),
)


@dataclass(frozen=True, kw_only=True)
class TransFGUOptions:
    """The table ``[method.options]``."""

    #: Channels, heads and blocks of the decoder.
    width: int = 384
    heads: int = 6
    blocks: int = 2
    #: Parts of the run. At the end of each but the last, the student becomes the teacher, and a
    #: fresh student begins. The number is ours: published is a part for each of 50 epochs.
    parts: int = 4

    def __post_init__(self) -> None:
        check_at_least(self, 1, "width", "heads", "blocks", "parts")
        if self.width % self.heads:
            raise ConfigError(
                f"method.options.width = {self.width} is not a multiple of method.options.heads ="
                f" {self.heads}: change one of them"
            )


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """TransFGU as configured."""
    from trainer.methods.networks.transfgu import TransFGU  # lazily: imports torch

    return TransFGU(options_of(config, TransFGUOptions), inputs)


TRANSFGU = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=TransFGUOptions,
)
