"""PriMaPs-EM: prototypes fitted to principal masks, on the code of any other method.

Paper: Boosting Unsupervised Semantic Segmentation with Principal Mask Proposals (Hahn et al.,
TMLR 2024). Authors' code: visinf/primaps at 7ca7757 (``primaps_modules/primaps.py`` and the
defaults of ``parser.py``); ``networks/primaps.py`` computes it. Its script ``experiments.sh`` also
has 50 epochs, a batch of 32, crops of 320 pixels, and a learning rate of 5e-3 for the prototypes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import Inputs, MethodEntry, for_any_modalities, options_of
from trainer.methods.option_checks import check_at_least, check_below_one, check_positive
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS
from trainer.methods.settings import MethodSettings

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["PRIMAPS", "THRESHOLD", "PriMaPsOptions"]

NAME = "primaps"
THRESHOLD = HyperParameter(
    name="mask_threshold",
    low=0.1,
    high=0.9,
    default=0.4,
    published=0.4,
    meaning="share of the largest cosine from which a token joins a mask",
)
HYPER_PARAMETERS = (
    THRESHOLD,
    HyperParameter(
        name="focus",
        low=0,
        high=4,
        default=2.0,
        published=2.0,
        meaning="how much less classes count that the batch is sure of",
    ),
    HyperParameter(
        name="prototype_momentum",
        low=0.5,
        high=0.999,
        default=0.98,
        published=0.98,
        meaning="share of the slow prototypes that stays when they follow",
    ),
)


@dataclass(frozen=True, kw_only=True)
class PriMaPsOptions:
    """The table ``[method.options]``."""

    #: The method whose code is segmented: a name of the method table; ``kmeans`` stands for the
    #: frozen features themselves. It has the default values of its own options.
    base: str = "stego"
    #: Share of the run in which the base learns, and the prototypes are centres of its code; from
    #: then on, the prototypes learn the classes of masks. The share is ours: the authors start
    #: from a trained head, or from two epochs of centres for 50 of masks.
    begin: float = 0.5
    #: Whether the base stops learning then, as in the paper.
    freeze: bool = True
    #: Largest number of masks of a crop (ours); the authors' code has no limit.
    masks: int = 12
    #: Whether masks are smoothed by a median over 3 x 3 tokens.
    median: bool = True
    #: Number of iterations after which the slow prototypes follow.
    follow_every: int = 10
    #: Learning rate of the prototypes as a multiple of ``training.learning_rate``; published are
    #: 5e-3, and 5e-4 for STEGO's head.
    prototype_rate: float = 10.0

    def __post_init__(self) -> None:
        check_below_one(self, "begin")
        check_at_least(self, 1, "masks", "follow_every")
        check_positive(self, "prototype_rate")


@dataclass(frozen=True, kw_only=True)
class _BaseSettings:
    """The settings of the base; implements :class:`MethodSettings`."""

    name: str
    fusion: str
    code_dim: int
    options: Any


def base_of(config: MethodSettings) -> tuple[MethodEntry, MethodSettings]:
    """The base and its settings.

    Raises:
        ConfigError: If there is no such method, or it is this one.
    """
    from trainer.methods import METHODS  # lazily: the table contains this method

    name = options_of(config, PriMaPsOptions).base
    known = [each for each in METHODS if each != NAME]
    if name not in known:
        raise ConfigError(
            f"method.options.base = {name!r} is not known: choose one of {', '.join(known)}"
        )
    entry = METHODS[name]
    settings = _BaseSettings(
        name=name, fusion=config.fusion, code_dim=config.code_dim, options=entry.options()
    )
    return entry.resolved(settings), settings


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """PriMaPs-EM on the configured base."""
    from trainer.methods.networks.primaps import PriMaPs  # lazily: imports torch

    entry, settings = base_of(config)
    options = options_of(config, PriMaPsOptions)
    return PriMaPs(entry.build(settings, inputs), options, classes=inputs.classes)


def on_base(config: MethodSettings) -> MethodEntry:
    """The declaration with everything that the base declares.

    Raises:
        ConfigError: As for :func:`base_of`.
    """
    entry, settings = base_of(config)
    own = {each.name for each in HYPER_PARAMETERS}

    def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
        del config
        if len(modalities) < entry.least_modalities:
            raise ConfigError(
                f"method.options.base = {settings.name!r} needs {entry.least_modalities}"
                f" modalities or more, and data.modalities = {list(modalities)}: add one, or"
                " choose another base"
            )
        entry.check(settings, modalities)

    def step_values(values: Mapping[str, float], modalities: tuple[str, ...]) -> dict[str, float]:
        others = {name: value for name, value in values.items() if name not in own}
        return entry.step_values(others, modalities) | {name: values[name] for name in own}

    return MethodEntry(
        build=build,
        hyper_parameters=lambda modalities: (
            *entry.hyper_parameters(modalities),
            *HYPER_PARAMETERS,
        ),
        modality_hyper_parameters=entry.modality_hyper_parameters,
        redundant=entry.redundant,
        step_values=step_values,
        options=PriMaPsOptions,
        check=check,
        feature_maps=lambda _, modalities: entry.feature_maps(settings, modalities),
        predicts_from=lambda _, modalities: entry.predicts_from(settings, modalities),
    )


PRIMAPS = MethodEntry(
    build=build,
    hyper_parameters=for_any_modalities(*PAIR_HYPER_PARAMETERS, *HYPER_PARAMETERS),
    options=PriMaPsOptions,
    on_settings=on_base,
)
