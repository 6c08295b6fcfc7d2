"""HP: contrast between tokens and their hidden positives (``networks/hp.py`` computes it).

Paper: Leveraging Hidden Positives for Unsupervised Semantic Segmentation (Seong et al., CVPR
2023). Authors' code: hynnsk/HP at 2ce07bd. Values are those of its configuration for COCO-Stuff
(``json/server/cocostuff.json``), which also has ``method.code_dim`` 512, a learning rate of 5e-4,
a batch of 64 and 3 epochs. For Cityscapes (``cityscapes.json``) the temperature is 0.6, the
momentum 0.999 and the warm-up 50 iterations of 30 epochs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import Inputs, MethodEntry, for_any_modalities, options_of
from trainer.methods.feature_map import FeatureMap, jittered_map
from trainer.methods.option_checks import check_at_least, check_below_one
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["HP", "HPOptions", "attention_map"]

HYPER_PARAMETERS = (
    HyperParameter(
        name="temperature",
        low=0.05,
        high=2,
        default=0.8,
        published=0.8,
        log=True,
        meaning="softness of the contrast between tokens",
    ),
    HyperParameter(
        name="lambda_consistency",
        low=1e-3,
        high=1,
        default=0.05,
        published=0.05,
        log=True,
        meaning="weight of the distance to the jittered crop",
    ),
)


@dataclass(frozen=True, kw_only=True)
class HPOptions:
    """The table ``[method.options]``."""

    #: Number of reference tokens; a token's hidden positives are nearer than all of them.
    pool: int = 2048
    #: Share of the averaged head that stays in each iteration.
    momentum: float = 0.99
    #: Share of the tokens that are not positives with which each token is contrasted.
    negatives: float = 0.02
    #: Share of the run before task-specific positives begin to count; their weight then grows to 1
    #: at its end. Published are 1000 iterations of 3 epochs of COCO-Stuff.
    warmup: float = 0.09
    #: By what a token is mixed with those around it for the local loss: the ``attention`` of the
    #: last block, as in the paper, which needs a vision transformer; the cosine similarity of the
    #: frozen ``features``, ours, for any backbone; ``off`` for no local loss.
    local: Literal["attention", "features", "off"] = "features"

    def __post_init__(self) -> None:
        check_at_least(self, 1, "pool")
        check_below_one(self, "momentum", "negatives", "warmup")


def attention_map(modalities: tuple[str, ...]) -> FeatureMap:
    """Attention of the first modality's tokens to those around them."""
    return FeatureMap(modality=modalities[0], output="local-attention")


def feature_maps(config: MethodSettings, modalities: tuple[str, ...]) -> tuple[FeatureMap, ...]:
    """The jittered features, and the attention if tokens are mixed by it."""
    options = options_of(config, HPOptions)
    jittered = jittered_map(modalities)
    return (jittered, attention_map(modalities)) if options.local == "attention" else (jittered,)


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """HP as configured."""
    from trainer.methods.networks.hp import HiddenPositives  # lazily: imports torch

    options = options_of(config, HPOptions)
    return HiddenPositives(config, options, inputs)


HP = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*HYPER_PARAMETERS),
    options=HPOptions,
    feature_maps=feature_maps,
)
