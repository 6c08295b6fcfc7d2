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

    #: What kind of thing, such as ``unreadable``: findings are counted by it.
    kind: str
    #: One line that names the file or the image.
    text: str


@dataclass(kw_only=True)
class Range:
    """The smallest and largest of the numbers seen so far."""

    low: float = math.inf
    high: float = -math.inf

    def add(self, values: NDArray[np.generic]) -> None:
        """Count an array; numbers that are not finite do not count."""
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size:
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))

    @property
    def empty(self) -> bool:
        """Whether no number was seen."""
        return self.low > self.high


@dataclass(kw_only=True)
class KindFacts:
    """The files of one modality, or the labels."""

    #: Files, or drawings, that could be read.
    read: int = 0
    #: Width and height in pixels, to how many have that size.
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Type and channels of the stored numbers, such as ``uint16 x 1``, to how many have them.
    stored_as: Counter[str] = field(default_factory=Counter)
    #: Stored numbers, whatever they mean.
    stored: Range = field(default_factory=Range)
    #: Numbers that the backbone sees; of labels, the classes.
    encoded: Range = field(default_factory=Range)
    #: EXIF orientation, 1 to 8, to how many files have it.
    orientations: Counter[int] = field(default_factory=Counter)

    def add(self, encoded: NDArray[np.generic], stored: NDArray[np.generic] | None) -> None:
        """Count one image or label."""
        self.read += 1
        self.sizes[(encoded.shape[1], encoded.shape[0])] += 1
        self.encoded.add(encoded)
        if stored is None:
            self.stored_as["drawn"] += 1
            return
        channels = stored.shape[2] if stored.ndim == 3 else 1
        self.stored_as[f"{stored.dtype.name} x {channels}"] += 1
        self.stored.add(stored)


@dataclass(kw_only=True)
class SplitFacts:
    """One split."""

    #: Images it lists.
    images: int
    labelled: bool
    #: Pixels of each class with shape (Y,).
    pixels_Y: NDArray[np.int64]
    #: Pixels without a class.
    void: int = 0


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """All of it."""

    #: Class names.
    classes: tuple[str, ...]
    splits: Mapping[str, SplitFacts]
    #: Modalities and, last, ``label`` where there are any.
    kinds: Mapping[str, KindFacts]
    #: Modality to how it lies against the anchor; the anchor is not in it.
    shifts: Mapping[str, Shift]
    #: What the data set says of itself.
    notes: tuple[str, ...]
    #: With these, training fails.
    faults: tuple[Finding, ...]
    #: With these it does not, but somebody should look.
    suspicions: tuple[Finding, ...]
