"""Which classes figures of counted pixels show, in which order, and their shares."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConfusionShares", "classes_by_frequency", "confusion_shares"]


@dataclass(frozen=True, kw_only=True)
class ConfusionShares:
    """The part of a confusion matrix that is shown."""

    #: Classes with a labelled pixel, and names that are predicted or have a row.
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    #: Of each row's pixels, percent, by row and column; rows add up to 100.
    percent: NDArray[np.float64]


def confusion_shares(counts_YZ: NDArray[np.int64]) -> ConfusionShares:
    """Shares of the pixels of each class by prediction.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each prediction (column): the classes,
            then clusters without a class.
    """
    present = counts_YZ.sum(axis=1) > 0
    shown = counts_YZ.sum(axis=0) > 0
    shown[: len(present)] |= present
    rows, columns = np.flatnonzero(present), np.flatnonzero(shown)
    return ConfusionShares(
        rows=tuple(rows.tolist()),
        columns=tuple(columns.tolist()),
        percent=100
        * counts_YZ[np.ix_(rows, columns)]
        / counts_YZ[rows].sum(axis=1, keepdims=True),
    )


def classes_by_frequency(counts: Mapping[str, NDArray[np.int64]]) -> list[int]:
    """The classes that occur or are predicted; those most frequent in the labels come first.

    Args:
        counts: Pixels of each class, shape (Y,), by their source: the ground truth first.
    """
    truth_Y = next(iter(counts.values()))
    present = np.any([counts_Y > 0 for counts_Y in counts.values()], axis=0)
    return [index for index in np.argsort(-truth_Y, kind="stable").tolist() if present[index]]
