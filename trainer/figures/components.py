"""Principal components of feature maps as colours, the same for all maps with the same basis.

The three directions along which unit vectors vary most become red, green and blue. Signs are
fixed, and scales are common to all maps of a basis. A basis has groups, such as modalities, each
centred on its own mean; otherwise only the overall differences between groups would be visible.
Within a group equal colours mean equal features; between groups they mean equal differences.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Basis"]

COLOURS = 3
#: Percent of the values at either end that are clipped, so that rare tokens do not set the scale.
CLIPPED = 1.0

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Basis:
    """Directions and scales; created by :meth:`of`."""

    #: Mean of the unit vectors of each group, shape (C,).
    means: Mapping[str, NDArray[np.float64]]
    #: Unit directions with shape (3, C) of the largest variance, in descending order; the largest
    #: entry of each is positive.
    axes_3C: NDArray[np.float64]
    #: Values that become 0 and 1 with shape (3,).
    low_3: NDArray[np.float64]
    high_3: NDArray[np.float64]

    @classmethod
    def of(cls, groups: Mapping[str, Sequence[Floats]]) -> "Basis":
        """The basis of maps with shapes (..., C) by group; C is the same for all."""
        units = {
            name: np.concatenate([_unit(each).reshape(-1, each.shape[-1]) for each in maps])
            for name, maps in groups.items()
        }
        means = {name: units_IC.mean(axis=0) for name, units_IC in units.items()}
        centred_IC = np.concatenate([units[name] - means[name] for name in groups])
        _, vectors_CC = np.linalg.eigh(centred_IC.T @ centred_IC)
        axes_3C = np.zeros((COLOURS, centred_IC.shape[1]))
        found = vectors_CC[:, ::-1][:, :COLOURS].T
        largest = np.abs(found).argmax(axis=1)
        signs = np.sign(found[np.arange(len(found)), largest])
        axes_3C[: len(found)] = found * signs[:, None]
        values_I3 = centred_IC @ axes_3C.T
        low_3, high_3 = np.percentile(values_I3, [CLIPPED, 100 - CLIPPED], axis=0)
        return cls(means=means, axes_3C=axes_3C, low_3=low_3, high_3=high_3)

    def colour(self, group: str, map_HWC: Floats) -> NDArray[np.float64]:
        """Colours of a map with shape (H, W, 3), from 0 to 1; medium grey if nothing varies."""
        values = (_unit(map_HWC) - self.means[group]) @ self.axes_3C.T
        extent_3 = self.high_3 - self.low_3
        varies_3 = extent_3 > 1e-9
        scaled = (values - self.low_3) / np.where(varies_3, extent_3, 1)
        return np.where(varies_3, scaled, 0.5).clip(0, 1)


def _unit(vectors: Floats) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = exact / np.maximum(length, 1e-12)
    return unit
