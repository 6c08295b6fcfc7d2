"""The knobs of correspondence losses: a weight and a bias for each of the three pairs.

Defaults are those the released search starts from when a modality has no values of its own
(specification 2.9 and 7).
"""

from collections.abc import Mapping

from trainer.knobs import Knob

__all__ = [
    "PAIR_KNOBS",
    "modality_knobs",
    "modality_weight",
    "no_knobs",
    "pair_and_cmcs_knobs",
    "pair_knobs",
    "pair_row",
]

PAIR_KNOBS = (
    Knob(name="lambda_self", low=0, high=1, default=0.7939, meaning="weight of self pairs"),
    Knob(name="b_self", low=0, high=1, default=0.8975, meaning="bias of self pairs"),
    Knob(name="lambda_knn", low=0, high=1, default=0.6313, meaning="weight of KNN pairs"),
    Knob(name="b_knn", low=0, high=1, default=0.3906, meaning="bias of KNN pairs"),
    Knob(name="lambda_random", low=0, high=1, default=0.8754, meaning="weight of random pairs"),
    Knob(name="b_random", low=0, high=1, default=0.7358, meaning="bias of random pairs"),
)


def pair_knobs(modalities: tuple[str, ...]) -> tuple[Knob, ...]:
    """Lambda and b of the three pairs, whatever the modalities: there is one loss."""
    del modalities
    return PAIR_KNOBS


def no_knobs(modalities: tuple[str, ...]) -> tuple[Knob, ...]:
    """None: one loss has nothing that a modality could overrule."""
    del modalities
    return ()


def pair_and_cmcs_knobs(modalities: tuple[str, ...]) -> tuple[Knob, ...]:
    """Six knobs shared over modalities, and lambda_cmcs of each auxiliary."""
    return PAIR_KNOBS + tuple(_cmcs_knob(modality) for modality in modalities[1:])


def modality_knobs(modalities: tuple[str, ...]) -> tuple[Knob, ...]:
    """The six of each modality alone, and the weight of its whole loss."""
    return tuple(
        knob
        for modality in modalities
        for knob in (
            *_pair_knobs_of(modality),
            _weight_knob(modality, modalities=len(modalities)),
        )
    )


def _cmcs_knob(modality: str) -> Knob:
    """The weight of an auxiliary modality's loss relative to the anchor's (paper, Eq. 5)."""
    return Knob(
        name=f"lambda_cmcs.{modality}",
        low=0.05,
        high=20,
        default=1.0,
        log=True,
        meaning=f"weight of the loss of {modality}",
    )


def _pair_knobs_of(modality: str) -> tuple[Knob, ...]:
    """The six knobs for one modality alone, named ``<modality>.<knob>``."""
    return tuple(
        Knob(
            name=f"{modality}.{knob.name}",
            low=knob.low,
            high=knob.high,
            default=knob.default,
            meaning=f"{knob.meaning} of {modality}",
        )
        for knob in PAIR_KNOBS
    )


def _weight_knob(modality: str, *, modalities: int) -> Knob:
    """The released code's weight of a modality's whole loss, the anchor's too; times lambda_cmcs.

    Where the released code is given none, it takes 1/M (specification 2.9). One of the M is
    redundant: Adam ignores the scale of the whole loss, and ratios alone act (specification 0.6).
    """
    return Knob(
        name=f"{modality}.weight",
        low=0,
        high=1,
        default=1 / modalities,
        meaning=f"weight of the whole loss of {modality}",
    )


def modality_weight(values: Mapping[str, float], modality: str) -> float:
    """lambda_cmcs of a modality, times its weight; either is 1 where it has no value."""
    weight = values.get(f"{modality}.weight", 1.0)
    return values.get(f"lambda_cmcs.{modality}", 1.0) * weight


def pair_row(values: Mapping[str, float], modality: str) -> list[float]:
    """One modality's six numbers; its own value overrules the shared one."""
    return [values.get(f"{modality}.{knob.name}", values[knob.name]) for knob in PAIR_KNOBS]
