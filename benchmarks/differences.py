"""The mean of paired differences, as pages quote it."""

import math
import statistics
from collections.abc import Sequence

from search.quality.confirmed import interval_of_mean

__all__ = ["mean_and_interval"]


def mean_and_interval(differences: Sequence[float], *, digits: int) -> str:
    """The mean with its sign, and its 95 % interval by Student's t."""
    low, high = interval_of_mean(differences) or (math.nan, math.nan)
    mean = statistics.fmean(differences)
    return f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
