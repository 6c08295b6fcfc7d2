"""Pixels that a range sensor or a stereo matcher could not measure.

Letters of shapes: ``docs/architecture.md``.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_rows"]

Float = TypeVar("Float", bound=np.floating[Any])


def fill_rows(values: NDArray[Float], valid: NDArray[np.bool_]) -> NDArray[Float]:
    """Values whose holes are filled from their row.

    A hole takes the smaller of the nearest values to its left and right. For disparities and
    inverse depths this is the farther surface, because most holes are background that only one
    of two cameras sees. Rows without any value take the nearest row above, or else below, that
    has one. Without any value at all, everything is 0.

    Args:
        values: Numbers with shape (h, w).
        valid: Mask of the measured values, shape (h, w).
    """
    if valid.all():
        return values.copy()
    known = np.flatnonzero(valid.any(axis=1))
    if not len(known):
        return np.zeros_like(values)
    left = _carry(values, valid)
    right = _carry(values[:, ::-1], valid[:, ::-1])[:, ::-1]
    above = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    # fmin prefers a number to NaN
    filled: NDArray[Float] = np.fmin(left, right)[known[np.maximum(above, 0)]]
    return filled


def _carry(values: NDArray[Float], valid: NDArray[np.bool_]) -> NDArray[Float]:
    """Each row's last valid value so far; NaN before the first."""
    column = np.where(valid, np.arange(values.shape[1], dtype=np.int32), np.int32(-1))
    last = np.maximum.accumulate(column, axis=1)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    carried[last < 0] = np.nan
    return carried
