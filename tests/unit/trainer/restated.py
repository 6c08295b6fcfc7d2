"""Model and loss written out once more, step by step, in NumPy float64: slow, plain, independent.

Every function takes and gives plain arrays of one slot. N crops are B queries, then B positives.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]
Pairs = Sequence[tuple[Array, Array]]
Parameters = Mapping[str, Array]


def sample(grid_map: Array, points: Array) -> Array:
    """Points (Q, 2) of a map (H, W, channels), bilinear; x and y in [-1, 1], corners aligned."""
    height, width, _ = grid_map.shape
    x, y = points.T
    column, row = (x + 1) * (width - 1) / 2, (y + 1) * (height - 1) / 2
    left = np.minimum(column.astype(int), width - 2)
    top = np.minimum(row.astype(int), height - 2)
    right_part, bottom_part = (column - left)[:, None], (row - top)[:, None]
    values: Array = (
        grid_map[top, left] * (1 - right_part) * (1 - bottom_part)
        + grid_map[top, left + 1] * right_part * (1 - bottom_part)
        + grid_map[top + 1, left] * (1 - right_part) * bottom_part
        + grid_map[top + 1, left + 1] * right_part * bottom_part
    )
    return values


def units(values: Array) -> Array:
    """Vectors of unit length, along the last axis."""
    made: Array = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return made


def cosines(first: Array, second: Array) -> Array:
    first, second = units(first), units(second)
    return first @ second.T


def pair_loss(feature_pairs: Pairs, code_pairs: Pairs, bias: float) -> float:
    """The correspondence loss of one group: lists over the batch of (own, other)."""
    similarity = np.stack([cosines(own, other) for own, other in feature_pairs])
    mean_before = similarity.mean()
    similarity = similarity - similarity.mean(axis=2, keepdims=True)
    similarity = similarity - similarity.mean() + mean_before
    codes = np.stack([cosines(own, other) for own, other in code_pairs])
    return float(np.mean(-np.maximum(codes, 0) * (similarity - bias)))


def modality_losses(
    targets: Array, codes: Array, points: Array, permutations: Indices, biases: Array
) -> tuple[float, float, float]:
    """Self, KNN and random loss of one modality.

    targets, codes: (N, H, W, channels); points: (2, B, Q, 2); permutations: (R, B).
    """
    batch = points.shape[1]

    def pairs(
        maps: Array, other: Sequence[int] | Indices, other_points: Array
    ) -> list[tuple[Array, Array]]:
        return [
            (sample(maps[n], points[0, n]), sample(maps[other[n]], other_points[n]))
            for n in range(batch)
        ]

    def loss(other: Sequence[int] | Indices, other_points: Array, bias: float) -> float:
        return pair_loss(
            pairs(targets, other, other_points), pairs(codes, other, other_points), bias
        )

    own = loss(range(batch), points[0], biases[0])
    knn = loss([batch + n for n in range(batch)], points[1], biases[1])
    random = [loss(permutation, points[1], biases[2]) for permutation in permutations]
    return own, knn, float(np.mean(random))


def total_loss(
    targets: Array, codes: Array, points: Array, permutations: Indices, hyper: Array
) -> float:
    """The sum over modalities; every argument has a leading modality axis, hyper is (M, 7)."""
    total = 0.0
    for m, row in enumerate(hyper):
        losses = modality_losses(targets[m], codes[m], points[m], permutations[m], row[1:6:2])
        total += row[6] * float(np.dot(row[0:6:2], losses))
    return total


def layer(maps: Array, parameters: Parameters, name: str, member: tuple[int, ...] = ()) -> Array:
    weight, bias = parameters[f"{name}.weight"][member], parameters[f"{name}.bias"][member]
    values: Array = np.einsum("...i,oi->...o", maps, weight) + bias
    return values


def relu(values: Array) -> Array:
    return np.maximum(values, 0)


def conv_encoder(tokens: Array, parameters: Parameters) -> Array:
    """MSN, L2, conv fusion of (M, N, T, C)."""
    return encoder(tokens, parameters, fusion="conv")


def encoder(
    tokens: Array,
    parameters: Parameters,
    *,
    fusion: str,
    pre_norm: str = "l2",
    residual: bool = False,
) -> Array:
    """The encoder of (M, N, T, C) while training; one modality is left as it is."""
    if len(tokens) == 1:
        only: Array = tokens[0]
        return only
    maps = [
        pre_normed(own_network(each, parameters, m) + residual * each, pre_norm)
        for m, each in enumerate(tokens)
    ]
    return FUSIONS[fusion](maps, parameters)


def own_network(maps: Array, parameters: Parameters, member: int) -> Array:
    """The modality-specific network."""
    hidden = relu(layer(maps, parameters, "msn.first", (member,)))
    return layer(hidden, parameters, "msn.second", (member,))


def pre_normed(maps: Array, kind: str) -> Array:
    """Normalisation before fusion; maps: (N, T, C)."""
    if kind == "l2":
        return units(maps)
    whole = maps.reshape(len(maps), -1)
    if kind == "standardise":
        centre, scale = whole.mean(axis=1), whole.std(axis=1, ddof=1) + 1e-8
    else:
        centre, scale = whole.min(axis=1), np.ptp(whole, axis=1) + 1e-8
    scaled: Array = (maps - centre[:, None, None]) / scale[:, None, None]
    return scaled


def conv(maps: Sequence[Array], parameters: Parameters) -> Array:
    hidden = relu(layer(np.concatenate(maps, axis=-1), parameters, "fusion.layer0"))
    return layer(hidden, parameters, "fusion.layer1")


def ladder(maps: Sequence[Array], parameters: Parameters) -> Array:
    """One modality's width less a step, batch normalisation and ReLU between the steps."""
    values = layer(np.concatenate(maps, axis=-1), parameters, "fusion.layer0")
    for step in range(1, len(maps)):
        values = relu(batch_normed(values, parameters, f"fusion.norm{step}"))
        values = layer(values, parameters, f"fusion.layer{step}")
    return values


def batch_normed(values: Array, parameters: Parameters, name: str) -> Array:
    """Queries and positives, each by their own mean and (biased) variance."""
    normed = []
    for half in np.split(values, 2):
        mean, variance = half.mean(axis=(0, 1)), half.var(axis=(0, 1))
        normed.append((half - mean) / np.sqrt(variance + 1e-5))
    whole = np.concatenate(normed)
    return whole * parameters[f"{name}.weight"] + parameters[f"{name}.bias"]


FUSIONS: dict[str, Callable[[list[Array], Parameters], Array]] = {
    "sum": lambda maps, parameters: np.sum(maps, axis=0),
    "mean": lambda maps, parameters: np.sum(maps, axis=0) / len(maps),
    "max": lambda maps, parameters: np.maximum.reduce(maps),
    "conv": conv,
    "ladder": ladder,
}


def head(fused: Array, parameters: Parameters, masks: Array) -> Array:
    """The code head; masks: (2, N, C)."""
    linear = layer(fused * masks[0][:, None], parameters, "head.linear")
    hidden = relu(layer(fused * masks[1][:, None], parameters, "head.hidden"))
    return linear + layer(hidden, parameters, "head.nonlinear")


def harmonise(code: Array, parameters: Parameters, member: int) -> Array:
    """The cross-modal harmoniser."""
    return layer(
        relu(layer(code, parameters, "cmh.first", (member,))), parameters, "cmh.second", (member,)
    )
