"""UniM2: its options and hyper-parameters (``networks/unim2.py`` computes it).

Paper: UMSS: Towards Unsupervised Multimodal Semantic Segmentation (ECCV 2026). Authors' code:
Hatins/UniM2 at 08fa082.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import Inputs, MethodEntry, options_of
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS
from trainer.methods.settings import MethodSettings
from trainer.methods.starts import Start, check_start

if TYPE_CHECKING:
    from trainer.methods.base import Method

__all__ = ["UNIM2", "UniM2Options", "step_values"]


@dataclass(frozen=True, kw_only=True)
class UniM2Options:
    """The table ``[method.options]``.

    With one modality there is nothing to fuse or to harmonise, so only ``target_dropout`` and
    ``start`` have an effect.
    """

    #: Whether each modality has its own network (MSN) before fusion.
    msn: bool = True
    #: Whether that network adds its input to its output.
    msn_residual: bool = False
    #: Normalisation before fusion.
    pre_norm: Literal["l2", "standardise", "minmax", "none"] = "l2"
    #: One harmoniser per auxiliary modality (paper, Eq. 9) or one for all (published code).
    cmh: Literal["per-modality", "shared"] = "per-modality"
    #: The modalities that use the shared code directly, without a harmoniser: the first one, the
    #: auxiliaries, both or none (an ablation in the paper).
    anchor: Literal["first", "auxiliary", "both", "none"] = "first"
    #: When dropout is also applied to the target of the loss: only for a single modality, as in
    #: the published code, always, or never.
    target_dropout: Literal["single", "always", "never"] = "single"
    #: Initialisation: ``random`` parameters, or ``identity``, with which the code starts as the
    #: principal components of the frozen features; a fusion with parameters starts as their mean,
    #: with ``first`` as the first modality.
    #: Both need ``msn_residual = true`` or ``msn = false``.
    start: Start = "random"


def hyper_parameters(modalities: tuple[str, ...]) -> tuple[HyperParameter, ...]:
    """Six that all modalities share, and lambda_cmcs of each auxiliary modality."""
    return PAIR_HYPER_PARAMETERS + tuple(_lambda_cmcs(modality) for modality in modalities[1:])


def modality_hyper_parameters(modalities: tuple[str, ...]) -> tuple[HyperParameter, ...]:
    """The six for each modality alone, and the weight of its whole loss."""
    return tuple(
        declared
        for modality in modalities
        for declared in (
            *(_of_modality(shared, modality) for shared in PAIR_HYPER_PARAMETERS),
            _weight(modality, modalities=len(modalities)),
        )
    )


def redundant(modalities: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """The factor of the whole loss; and for each modality, that of its pairs against its own."""
    own = [
        frozenset((*(f"{modality}.{name}" for name in PAIR_WEIGHTS), f"{modality}.weight"))
        for modality in modalities
    ]
    whole = frozenset(f"{modality}.weight" for modality in modalities)
    return (frozenset(PAIR_WEIGHTS), *own, whole)


def step_values(values: Mapping[str, float], modalities: tuple[str, ...]) -> dict[str, float]:
    """The seven numbers of each modality by name: its own if given, otherwise the shared ones.

    ``<modality>.weight`` is lambda_cmcs times the modality's weight; each defaults to 1.
    """
    numbers: dict[str, float] = {}
    for modality in modalities:
        for shared in PAIR_HYPER_PARAMETERS:
            name = f"{modality}.{shared.name}"
            numbers[name] = values.get(name, values[shared.name])
        weight = values.get(f"{modality}.weight", 1.0)
        numbers[f"{modality}.weight"] = values.get(f"lambda_cmcs.{modality}", 1.0) * weight
    return numbers


def _lambda_cmcs(modality: str) -> HyperParameter:
    """The weight of an auxiliary modality's loss relative to the first one's (paper, Eq. 5).

    Published ratios range from 0.75 to 10.3; there is none for all data sets.
    """
    return HyperParameter(
        name=f"lambda_cmcs.{modality}",
        low=0.05,
        high=20,
        default=1.0,
        log=True,
        meaning=f"weight of the loss of {modality}",
    )


def _of_modality(shared: HyperParameter, modality: str) -> HyperParameter:
    return dataclasses.replace(
        shared, name=f"{modality}.{shared.name}", meaning=f"{shared.meaning} of {modality}"
    )


def _weight(modality: str, *, modalities: int) -> HyperParameter:
    """The published code's weight of each modality's loss, including the first; times lambda_cmcs.

    The published code defaults to 1/M. One of the M weights is redundant: Adam ignores the scale
    of the whole loss, so only ratios matter.
    """
    return HyperParameter(
        name=f"{modality}.weight",
        low=0,
        high=1,
        default=1 / modalities,
        published=1 / modalities,
        meaning=f"weight of the whole loss of {modality}",
    )


def check(config: MethodSettings, modalities: tuple[str, ...]) -> None:
    """Refuse an initialisation that the fusion or the networks do not allow.

    Raises:
        ConfigError: If they do not allow it.
    """
    options = options_of(config, UniM2Options)
    check_start(
        options.start,
        fusion=config.fusion,
        msn=options.msn,
        msn_residual=options.msn_residual,
        modalities=modalities,
    )


def build(config: MethodSettings, inputs: Inputs) -> "Method":
    """UniM2 as configured."""
    from trainer.methods.networks.unim2 import UniM2  # lazily: imports torch

    options = options_of(config, UniM2Options)
    return UniM2(config, options, modalities=inputs.modalities, channels=inputs.channels)


UNIM2 = MethodEntry(
    build=build,
    hyper_parameters=hyper_parameters,
    modality_hyper_parameters=modality_hyper_parameters,
    step_values=step_values,
    redundant=redundant,
    options=UniM2Options,
    check=check,
)
