"""Measures of a clustering that need no labels, as pure functions of arrays.

Letters of shapes: ``docs/architecture.md``.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "adjusted_rand_index",
    "cosine_silhouette",
    "dependence",
    "effective_dimension",
    "held_out_agreement",
    "neighbour_agreement",
    "separability",
    "shares_of",
]

Clusters = NDArray[np.int64]
Numbers = NDArray[np.float32]


def shares_of(clusters_I: Clusters, count: int) -> NDArray[np.float64]:
    """The share of the items in each cluster.

    Args:
        clusters_I: Cluster of each item.
        count: Number Y of clusters.

    Returns:
        Array with shape (Y,) that adds up to 1.
    """
    return np.bincount(clusters_I, minlength=count) / len(clusters_I)


def neighbour_agreement(clusters_I: Clusters, neighbours_IV: NDArray[np.int64]) -> float:
    """How often items share a cluster with their neighbours, corrected for chance.

    Args:
        clusters_I: Cluster of each item.
        neighbours_IV: Items that are near to each item.

    Returns:
        Kappa: 1 if all neighbours share a cluster, 0 if as many do as pairs drawn at random. 0 if
        there is only one cluster.
    """
    shares = shares_of(clusters_I, int(clusters_I.max()) + 1)
    observed = float((clusters_I[neighbours_IV] == clusters_I[:, None]).mean())
    return _kappa(observed, float(shares @ shares))


def cosine_silhouette(units_IC: Numbers, clusters_I: Clusters) -> float:
    """Mean silhouette of the items (Rousseeuw 1987), with 1 minus the cosine as the distance.

    With this distance, the mean distance to a cluster follows from the sum of its vectors, so that
    the cost is linear in the number of items.

    Args:
        units_IC: Vectors of unit length.
        clusters_I: Cluster of each item.

    Returns:
        From -1 to 1. An item that is alone in its cluster counts 0. -1 if there is only one
        cluster.
    """
    used, own_I = np.unique(clusters_I, return_inverse=True)
    if len(used) < 2:
        return -1.0
    member_IY = np.eye(len(used), dtype=np.float32)[own_I]
    sizes_Y = member_IY.sum(axis=0)
    cosine_sums_IY = units_IC @ (member_IY.T @ units_IC).T
    distance_IY = 1 - cosine_sums_IY / sizes_Y
    items = np.arange(len(own_I))
    size_I = sizes_Y[own_I]
    # the item's own distance of 0 is among those of its cluster
    inside_I = distance_IY[items, own_I] * size_I / np.maximum(size_I - 1, 1)
    distance_IY[items, own_I] = np.inf
    outside_I = distance_IY.min(axis=1)
    larger_I = np.maximum(np.maximum(inside_I, outside_I), np.finfo(np.float32).tiny)
    silhouette_I = np.where(size_I > 1, (outside_I - inside_I) / larger_I, 0)
    return float(silhouette_I.mean(dtype=np.float64))


def held_out_agreement(predicted_I: Clusters, clusters_I: Clusters) -> float:
    """Cohen's kappa of predicted and actual clusters.

    Returns:
        1 for equal ones, 0 for chance; 0 if either has only one cluster.
    """
    count = int(max(predicted_I.max(), clusters_I.max())) + 1
    chance = float(shares_of(predicted_I, count) @ shares_of(clusters_I, count))
    return _kappa(float((predicted_I == clusters_I).mean()), chance)


def dependence(counts_GY: NDArray[np.int64]) -> float:
    """Mutual information of group and cluster, as a share of the entropy of the clusters.

    The bias of the estimate from counts is subtracted (Miller 1955).

    Args:
        counts_GY: Items of each group (row) in each cluster (column).

    Returns:
        From 0, if clusters do not depend on groups, to 1, if the group tells the cluster. 0 if
        there is only one cluster.
    """
    counts = counts_GY[counts_GY.sum(axis=1) > 0][:, counts_GY.sum(axis=0) > 0]
    groups, clusters = counts.shape
    if clusters < 2:
        return 0.0
    total = counts.sum()
    inside = _entropy(counts.sum(axis=0) / total)
    joint = _entropy((counts / total).ravel())
    information = inside + _entropy(counts.sum(axis=1) / total) - joint
    # cells that are empty because group and cluster exclude each other cause no bias
    bias = max(0, np.count_nonzero(counts) - groups - clusters + 1) / (2 * total)
    return float(np.clip((information - bias) / inside, 0, 1))


def separability(units_IC: Numbers, clusters_I: Clusters) -> float:
    """How far clusters are apart, compared with how wide they are.

    The class-relevance part of DSE (Dai et al. 2025, https://arxiv.org/abs/2510.17299): a
    distance between clusters minus a radius. There the clusters are K-means of the features under
    test; here they are those of a run, in features that are the same for all runs.

    Args:
        units_IC: Vectors of unit length.
        clusters_I: Cluster of each item.

    Returns:
        The distance of a cluster's mean to the nearest other mean, minus the root mean square
        distance of its items to its own mean; the mean of this over clusters, from -1 to 2. -1
        if there is only one cluster.
    """
    means_YC = _cluster_means(units_IC, clusters_I)
    if len(means_YC) < 2:
        return -1.0
    lengths_Y = np.square(means_YC).sum(axis=1)
    squares_YY = lengths_Y[:, None] + lengths_Y - 2 * (means_YC @ means_YC.T)
    np.fill_diagonal(squares_YY, np.inf)
    apart_Y = np.sqrt(np.maximum(squares_YY.min(axis=1), 0))
    radius_Y = np.sqrt(np.maximum(1 - lengths_Y, 0))  # the items have unit length
    return float((apart_Y - radius_Y).mean())


def effective_dimension(units_IC: Numbers, clusters_I: Clusters, count: int) -> float:
    """In how many directions the means of clusters differ, as a share of the possible number.

    The other part of DSE: an effective rank (Roy and Vetterli 2007), the exponential of the
    entropy of the singular values. Here it is that of the means of clusters, each weighted by
    the root of its share, without their common mean.

    Args:
        units_IC: Vectors of unit length.
        clusters_I: Cluster of each item.
        count: Number Y of clusters that there may be.

    Returns:
        From 0, if there is only one cluster, to 1; NaN if an item is not finite.
    """
    used, sizes_Y = np.unique(clusters_I, return_counts=True)
    if len(used) < 2:
        return 0.0
    weights_Y = np.sqrt(sizes_Y / len(clusters_I))
    centred_YC = _cluster_means(units_IC, clusters_I) - units_IC.mean(axis=0, dtype=np.float64)
    if not np.isfinite(centred_YC).all():
        return float("nan")
    singular = np.linalg.svd(centred_YC * weights_Y[:, None], compute_uv=False)
    total = float(singular.sum())
    if total <= 0:
        return 0.0
    most = min(count - 1, int(units_IC.shape[1]))
    rank = float(np.exp(_entropy(singular / total)))
    return min(1.0, rank / most)


def adjusted_rand_index(first_I: Clusters, second_I: Clusters) -> float:
    """Agreement of two clusterings, whatever their clusters are called (Hubert and Arabie 1985).

    Returns:
        1 if they are the same, 0 for chance; 0 if either has only one cluster.
    """
    count = int(second_I.max()) + 1
    cells = np.bincount(first_I * count + second_I).astype(np.float64)
    rows, columns = (np.bincount(each).astype(np.float64) for each in (first_I, second_I))
    if min(np.count_nonzero(rows), np.count_nonzero(columns)) < 2:
        return 0.0
    both, inside, across = (_pairs(each) for each in (cells, rows, columns))
    chance = inside * across / _pairs(np.array([len(first_I)], dtype=np.float64))
    return float((both - chance) / ((inside + across) / 2 - chance))


def _pairs(counts: NDArray[np.float64]) -> float:
    """Pairs of items within the same group."""
    return float((counts * (counts - 1) / 2).sum())


def _cluster_means(units_IC: Numbers, clusters_I: Clusters) -> NDArray[np.float64]:
    """The mean of each cluster in use, in order."""
    used, own_I = np.unique(clusters_I, return_inverse=True)
    member_IY = np.eye(len(used), dtype=np.float32)[own_I]
    sums_YC = (member_IY.T @ units_IC).astype(np.float64)
    means_YC: NDArray[np.float64] = sums_YC / member_IY.sum(axis=0)[:, None]
    return means_YC


def _entropy(shares: NDArray[np.float64]) -> float:
    """In nats."""
    positive = shares[shares > 0]
    return -float((positive * np.log(positive)).sum())


def _kappa(observed: float, chance: float) -> float:
    return 0.0 if chance >= 1 else (observed - chance) / (1 - chance)
