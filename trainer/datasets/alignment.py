"""Shift of a modality against the main one, measured by phase correlation of their edges.

Two cameras side by side, a forgotten crop or a dropped frame shift every image of a modality in
the same way. Different sensors see the same edges: the gradient magnitudes of both images are
correlated in the frequency domain with equal weight for each frequency (Kuglin and Hines, 1975),
and the spectra of all pairs are added before the peak is searched. A shift that all pairs share
adds up; everything else averages out.

The thresholds come from sample data (Cityscapes, MFNet, NYU, MCubeS-like; 1 to 24 pairs each) and
the rooms: for correct pairs, peaks are within 1/192 of the height and 1/256 of the width of zero
shift, and stand out by 9 to 170 deviations; wrongly matched pairs stand out by 4 to 6.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainer.datasets.base import Image

__all__ = ["Alignment", "Shift", "edges_of"]

GRID = (192, 256)  # height and width in pixels at which images are compared
REACH = 48  # pixels of the grid: the largest shift that is searched, a quarter of its height
SOFT = 1.0  # pixels, width of the Gaussian that damps the highest frequencies
AROUND = 6  # pixels: neighbours this close belong to the peak
DISTINCT = 8.0  # deviations by which a peak has to stand out
UNRELATED, ENOUGH = 6.0, 12  # pairs are unrelated below so many deviations, given enough pairs
TOLERATED = 0.02  # of the side: less than half a token (16 of 320 pixels are 0.05)

Plane = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Position of another modality relative to the main one."""

    #: Fractions of the height and the width; positive is down and to the right.
    down: float
    across: float
    #: Number of standard deviations by which this shift stands out from all others.
    distinctness: float
    #: Number of image pairs it was measured on.
    pairs: int

    @property
    def known(self) -> bool:
        """Whether the images have enough in common to measure a shift."""
        return self.distinctness >= DISTINCT

    @property
    def suspicious(self) -> bool:
        """Whether it is known and too large to be accidental."""
        return self.known and max(abs(self.down), abs(self.across)) > TOLERATED

    @property
    def unrelated(self) -> bool:
        """Whether many pairs have so little in common that they are probably wrong pairs."""
        return self.pairs >= ENOUGH and self.distinctness < UNRELATED


class Alignment:
    """Adds up the image pairs of one modality and the main one."""

    def __init__(self) -> None:
        self._pairs = 0
        self._spectrum = np.zeros((GRID[0], GRID[1] // 2 + 1), dtype=np.complex128)

    def add(self, anchor: Plane, other: Plane) -> None:
        """Add one pair, each from :func:`edges_of`."""
        self._pairs += 1
        product = np.fft.rfft2(anchor).conj() * np.fft.rfft2(other)
        length = np.abs(product)
        self._spectrum += np.divide(
            product, length, out=np.zeros_like(product), where=length > 1e-9
        )

    def shift(self) -> Shift:
        """The shift that the pairs added so far share."""
        down, across = np.fft.fftfreq(GRID[0])[:, None], np.fft.rfftfreq(GRID[1])[None]
        calm = np.exp(-2 * (np.pi * SOFT) ** 2 * (down**2 + across**2))
        surface = np.fft.irfft2(self._spectrum * calm, s=GRID)
        near = np.roll(surface, (REACH, REACH), axis=(0, 1))[: 2 * REACH + 1, : 2 * REACH + 1]
        row, column = (int(place) for place in np.unravel_index(near.argmax(), near.shape))
        places = np.arange(2 * REACH + 1)
        rest = near[
            (np.abs(places - row) > AROUND)[:, None] | (np.abs(places - column) > AROUND)[None]
        ]
        spread = float(rest.std())
        height = float(near[row, column] - rest.mean())
        return Shift(
            down=(row - REACH) / GRID[0],
            across=(column - REACH) / GRID[1],
            distinctness=height / spread if spread > 0 else 0.0,
            pairs=self._pairs,
        )


def edges_of(image: Image) -> Plane:
    """The edges of an image on the working grid, faded out towards its borders.

    Args:
        image: Image of any modality and size with three channels.

    Returns:
        Square root of the gradient magnitude, summed over channels, centred and scaled; zero for
        an image without edges.
    """
    channels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    planes = functional.interpolate(
        channels, size=GRID, mode="bilinear", align_corners=False, antialias=True
    )[0].numpy()
    down, across = np.gradient(planes, axis=(1, 2))
    edges = np.sqrt(np.sqrt(down**2 + across**2).sum(axis=0)).astype(np.float64)
    spread = edges.std()
    if not spread > 0:  # constant, or not finite
        return np.zeros(GRID)
    fade: Plane = np.outer(np.hanning(GRID[0]), np.hanning(GRID[1]))
    faded: Plane = (edges - edges.mean()) / spread * fade
    return faded
