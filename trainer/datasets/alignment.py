"""How far a modality is shifted against the anchor, by phase correlation of their edges.

A camera beside another, a crop that was forgotten or a frame that was dropped shifts every
image of a modality alike. Edges are where sensors agree: the gradient's magnitude of both
images is correlated in the frequency domain, every frequency with the same weight (Kuglin and
Hines, 1975), and the spectra of all pairs are added before the peak is looked for. One shift
that all pairs share adds up; whatever else two sensors see does not.

Thresholds, from the sample data (Cityscapes, MFNet, NYU, MCubeS-like; 1 to 24 pairs each) and
the rooms: as they are, their peaks lie within 1/192 of the height and 1/256 of the width of no
shift, and stand out by 9 to 170; pairs put together wrongly stand out by 4 to 6.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainer.datasets.base import Image

__all__ = ["Alignment", "Shift", "edges_of"]

GRID = (192, 256)  # pixels down and across on which images are compared
REACH = 48  # pixels of the grid: a quarter of its height is the largest shift looked for
SOFT = 1.0  # pixels, width of the Gaussian that calms the highest frequencies
AROUND = 6  # pixels: what is so near belongs to the peak
DISTINCT = 8.0  # deviations of the rest that a peak has to stand out by
UNRELATED, ENOUGH = 6.0, 12  # deviations, and pairs to say so
TOLERATED = 0.02  # of the side: under half a token (16 of 320 pixels are 0.05)

Plane = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """Where the other modality lies, seen from the anchor."""

    #: Shares of the height and the width; positive is down and to the right.
    down: float
    across: float
    #: By how many deviations of all other shifts this one stands out.
    distinctness: float
    #: Pairs of images it was measured on.
    pairs: int

    @property
    def known(self) -> bool:
        """Whether the images have enough in common to tell."""
        return self.distinctness >= DISTINCT

    @property
    def suspicious(self) -> bool:
        """Whether it is known and too large to be an accident."""
        return self.known and max(abs(self.down), abs(self.across)) > TOLERATED

    @property
    def unrelated(self) -> bool:
        """Whether pairs enough have so little in common that they can hardly be pairs."""
        return self.pairs >= ENOUGH and self.distinctness < UNRELATED


class Alignment:
    """Adds up the pairs of one modality and the anchor."""

    def __init__(self) -> None:
        self._pairs = 0
        self._spectrum = np.zeros((GRID[0], GRID[1] // 2 + 1), dtype=np.complex128)

    def add(self, anchor: Plane, other: Plane) -> None:
        """Count one pair, each from :func:`edges_of`."""
        self._pairs += 1
        product = np.fft.rfft2(anchor).conj() * np.fft.rfft2(other)
        length = np.abs(product)
        self._spectrum += np.divide(
            product, length, out=np.zeros_like(product), where=length > 1e-9
        )

    def shift(self) -> Shift:
        """The shift that the pairs so far share."""
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
        image: Image of any modality with any size and three channels.

    Returns:
        Root of the gradient's length, summed over channels, centred and scaled; zero for an
        image without edges.
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
