"""Cross-modal consistency supervision (CMCS): the weights of pairs and modalities.

Shape letters: S slots, M modalities, R random draws, J pair groups (self, KNN, R random).

UniM2 (UMSS, ECCV 2026), Eq. 5 to 8, specification 2.9. There is no cross-modal term in it:
it is one correspondence loss a modality, each with its own frozen target, weighted and summed.
"""

import torch
from torch import Tensor

__all__ = ["HYPER_NAMES", "cmcs_weights"]

#: Order of the last axis of the hyper-parameters (S, M, 7).
HYPER_NAMES = (
    "lambda_self",
    "b_self",
    "lambda_knn",
    "b_knn",
    "lambda_random",
    "b_random",
    "lambda_cmcs",
)


def cmcs_weights(hyper_SM7: Tensor, *, random_draws: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of every pair group of every modality.

    Args:
        hyper_SM7: Hyper-parameters with shape (S, M, 7) in the order of ``HYPER_NAMES``.
        random_draws: Count R; the random pairs are averaged over all of them.

    Returns:
        Weights and biases, each with shape (S, M, J).
    """
    pairs_SM32, modality_SM1 = torch.unflatten(hyper_SM7[..., :6], -1, (3, 2)), hyper_SM7[..., 6:]
    weights_SM3, biases_SM3 = modality_SM1 * pairs_SM32[..., 0], pairs_SM32[..., 1]
    weights = _spread(weights_SM3, random_draws)
    weights[..., 2:] /= random_draws
    return weights, _spread(biases_SM3, random_draws)


def _spread(values_SM3: Tensor, random_draws: int) -> Tensor:
    """Repeat the number of the random pairs for each draw: (S, M, J)."""
    random = values_SM3[..., 2:].expand(*values_SM3.shape[:-1], random_draws)
    return torch.cat([values_SM3[..., :2], random], dim=-1)
