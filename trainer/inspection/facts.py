"""Results of an inspection as plain records.

Letters of shapes: ``docs/architecture.md``.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.alignment import Shift

__all__ = ["Finding", "Inspection", "KindFacts", "Range", "SplitFacts"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault or something suspicious."""

    #: Kind of finding, such as ``unreadable``, by which findings are counted.
    kind: str
    #: One line that names the file or the image.
    text: str


@dataclass(kw_only=True)
class Range:
    """The smallest and largest of the numbers seen so far."""

    low: float = math.inf
    high: float = -math.inf

    def add(self, values: NDArray[np.generic]) -> None:
        """Include an array, except numbers that are not finite."""
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size:
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))

    @property
    def empty(self) -> bool:
        """Whether no number was included."""
        return self.low > self.high


@dataclass(kw_only=True)
class KindFacts:
    """The files of one modality, or the labels."""

    #: Number of files, or of generated images, that could be read.
    read: int = 0
    #: Width and height in pixels, to the number of files with that size.
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Type and channels of the stored numbers, such as ``uint16 x 1``, to the number of files.
    stored_as: Counter[str] = field(default_factory=Counter)
    #: Range of the stored numbers, without interpretation.
    stored: Range = field(default_factory=Range)
    #: Range of the numbers given to the backbone; for labels, of the classes.
    encoded: Range = field(default_factory=Range)
    #: EXIF orientation, 1 to 8, to the number of files with it.
    orientations: Counter[int] = field(default_factory=Counter)

    def add(self, encoded: NDArray[np.generic], stored: NDArray[np.generic] | None) -> None:
        """Include one image or label."""
        self.read += 1
        self.sizes[(encoded.shape[1], encoded.shape[0])] += 1
        self.encoded.add(encoded)
        if stored is None:
            self.stored_as["no file"] += 1
            return
        channels = stored.shape[2] if stored.ndim == 3 else 1
        self.stored_as[f"{stored.dtype.name} x {channels}"] += 1
        self.stored.add(stored)


@dataclass(kw_only=True)
class SplitFacts:
    """One split."""

    #: Number of its images.
    images: int
    labelled: bool
    #: Pixels of each class with shape (Y,).
    pixels_Y: NDArray[np.int64]
    #: Pixels without a class.
    void: int = 0


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Complete result of an inspection."""

    #: Class names.
    classes: tuple[str, ...]
    splits: Mapping[str, SplitFacts]
    #: Modalities and, last, ``label`` if there are labels.
    kinds: Mapping[str, KindFacts]
    #: Modality to its shift against the main one, which is not included.
    shifts: Mapping[str, Shift]
    #: Notes of the data set.
    notes: tuple[str, ...]
    #: Faults, with which training fails.
    faults: tuple[Finding, ...]
    #: Suspicious findings, which do not stop training.
    suspicions: tuple[Finding, ...]
