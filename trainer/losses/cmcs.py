"""Weights and biases of the pair groups, by the names of the hyper-parameters.

Letters of shapes: ``docs/architecture.md``.

Cross-modal consistency supervision (CMCS) is UniM2 (UMSS, ECCV 2026), Eq. 5 to 8. There is no
cross-modal term in it: it is a weighted sum of one correspondence loss per modality, each with its
own frozen target.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["cmcs_weights", "pair_weights"]

PAIRS = ("self", "knn", "random")


def cmcs_weights(
    hyper: Mapping[str, Tensor], *, modalities: tuple[str, ...], random_draws: int
) -> tuple[Tensor, Tensor]:
    """Weight and bias of every pair group of every modality.

    Args:
        hyper: ``<modality>.lambda_<pair>``, ``<modality>.b_<pair>`` and ``<modality>.weight`` of
            each modality, each with shape (S,).
        modalities: Names of the M modalities.
        random_draws: Count R; the random pairs are averaged over all of them.

    Returns:
        Weights and biases, each with shape (S, M, J).
    """
    lambdas_SM3, biases_SM3 = _of_pairs(hyper, [f"{name}." for name in modalities])
    modality_SM = torch.stack([hyper[f"{name}.weight"] for name in modalities], dim=1)
    return _groups(modality_SM.unsqueeze(-1) * lambdas_SM3, biases_SM3, random_draws)


def pair_weights(hyper: Mapping[str, Tensor], *, random_draws: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of every pair group, for a loss on a single map.

    Args:
        hyper: ``lambda_<pair>`` and ``b_<pair>``, each with shape (S,).
        random_draws: Count R; the random pairs are averaged over all of them.

    Returns:
        Weights and biases, each with shape (S, 1, J).
    """
    return _groups(*_of_pairs(hyper, [""]), random_draws)


def _of_pairs(hyper: Mapping[str, Tensor], prefixes: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Lambda and b of the three pairs, each with shape (S, M, 3), by prefix of their names."""
    names = [
        f"{prefix}{what}_{pair}"
        for what in ("lambda", "b")
        for prefix in prefixes
        for pair in PAIRS
    ]
    numbers = torch.stack([hyper[name] for name in names], dim=1)
    lambdas, biases = numbers.view(-1, 2, len(prefixes), len(PAIRS)).unbind(dim=1)
    return lambdas, biases


def _groups(weights_SM3: Tensor, biases_SM3: Tensor, random_draws: int) -> tuple[Tensor, Tensor]:
    """Numbers of the three pairs as those of the groups: (S, M, J)."""
    weights = _spread(weights_SM3, random_draws)
    weights[..., 2:] /= random_draws
    return weights, _spread(biases_SM3, random_draws)


def _spread(values_SM3: Tensor, random_draws: int) -> Tensor:
    """Repeat the number of the random pairs for each draw: (S, M, J)."""
    random = values_SM3[..., 2:].expand(*values_SM3.shape[:-1], random_draws)
    return torch.cat([values_SM3[..., :2], random], dim=-1)
