"""Hyper-parameters of the methods that align projected auxiliary modalities with the first one.

UniM2, supplementary, Eq. 1: each auxiliary map has its own projection, which a loss aligns with
the first modality's map, in addition to STEGO's loss on the fused map. Eq. 2, 3 and 4 are three
such losses. The supplementary gives no value for their weight, so it is searched.
"""

from trainer.hyper_parameters import HyperParameter
from trainer.methods.entry import DeclaredFor, common_factor, for_any_modalities
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS

__all__ = ["ONE_FACTOR", "aligning"]

#: STEGO's loss and the alignment loss have weights throughout.
ONE_FACTOR = common_factor(*PAIR_WEIGHTS, "lambda_align")


def aligning(*, low: float, high: float, default: float) -> DeclaredFor:
    """STEGO's hyper-parameters and the weight of the alignment loss, with the given range."""
    weight = HyperParameter(
        name="lambda_align",
        low=low,
        high=high,
        default=default,
        log=True,
        meaning="weight of the alignment loss",
    )
    return for_any_modalities(*PAIR_HYPER_PARAMETERS, weight)
