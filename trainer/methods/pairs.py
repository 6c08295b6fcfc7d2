"""Hyper-parameters of the correspondence loss: a weight and a bias for each of the three pairs.

The published value is the fallback in the published code for a modality without its own values;
it is also the default here.
"""

from trainer.hyper_parameters import HyperParameter

__all__ = ["PAIR_HYPER_PARAMETERS", "PAIR_WEIGHTS"]


def _declared(name: str, published: float, meaning: str) -> HyperParameter:
    return HyperParameter(
        name=name, low=0, high=1, default=published, published=published, meaning=meaning
    )


PAIR_HYPER_PARAMETERS = (
    _declared("lambda_self", 0.7939, "weight of self pairs"),
    _declared("b_self", 0.8975, "bias of self pairs"),
    _declared("lambda_knn", 0.6313, "weight of KNN pairs"),
    _declared("b_knn", 0.3906, "bias of KNN pairs"),
    _declared("lambda_random", 0.8754, "weight of random pairs"),
    _declared("b_random", 0.7358, "bias of random pairs"),
)

#: Names of the three weights.
PAIR_WEIGHTS = ("lambda_self", "lambda_knn", "lambda_random")
