"""Nearest neighbours of the training crops (``docs/method.md``).

Letters of shapes: ``docs/architecture.md``.
"""

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["drop_channels", "nearest_crops"]

CHUNK = 1024  # crops compared with all others at a time


def nearest_crops(means: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The crops whose mean features point in the most similar directions.

    Args:
        means: Mean over the tokens of each crop's features of the first modality, shape (N, C).
        count: Number of neighbours per crop.

    Returns:
        Indices with shape (N, V), nearest first, where V is the smaller of ``count`` and N - 1. A
        crop is never its own neighbour: it is excluded by its index, since an identical crop may
        be just as near.
    """
    total = len(means)
    directions = torch.nn.functional.normalize(torch.from_numpy(means), dim=1)
    found = np.empty((total, min(count, total - 1)), dtype=np.int64)
    for start in range(0, total, CHUNK):
        rows = torch.arange(start, min(start + CHUNK, total))
        cosines = directions[rows] @ directions.T
        cosines[torch.arange(len(rows)), rows] = -torch.inf
        found[start : start + len(rows)] = cosines.topk(found.shape[1], dim=1).indices.numpy()
    return found


def drop_channels(
    means: NDArray[np.float32], share: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Mean features as computed by a network whose dropout is still active.

    Whole channels of a crop are dropped, so that dropping them from the mean equals dropping them
    from every token.

    Args:
        means: Mean features with shape (N, C).
        share: Probability that a channel of a crop is dropped, below 1.
        generator: Source of the random numbers.

    Returns:
        Array with shape (N, C); kept channels are scaled up so that the expected mean is the same.
    """
    kept = generator.random(means.shape, dtype=np.float32) >= share
    return means * kept / np.float32(1 - share)
