"""What a sample of files holds: channels, bits, ranges, sizes, and how many different values."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL.TiffImagePlugin
from numpy.typing import NDArray

from trainer.datasets.decoding import read_stored
from trainer.datasets.headers import is_array, open_image, read_kind
from trainer.errors import DataError
from trainer.seeds import numpy_generator

__all__ = ["SAMPLE", "Facts", "Storage", "look_at", "spread"]

SAMPLE = 24  # files of a group that are read
POINTS = 40_000  # pixels of a file that are looked at
FEW = 64  # different values that labels may have; pictures have more

SAMPLES_PER_PIXEL = 277  # tag of a TIFF

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How a file stores its pixels."""

    #: Channels of an image, or planes of an array.
    channels: int
    #: Bits per channel; 0 for an array, which holds numbers of any kind.
    bits: int
    palette: bool = False

    @property
    def is_array(self) -> bool:
        """Whether it is an ``.npy`` file."""
        return self.bits == 0


@dataclass(kw_only=True)
class Facts:
    """What the files of a sample have in common."""

    storages: Counter[Storage] = field(default_factory=Counter)
    #: Height and width in pixels.
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Finite numbers with shape (I, C), from all files.
    values: list[NDArray[np.float64]] = field(default_factory=list)
    #: Share of pixels that are not finite.
    missing: float = 0.0
    #: Whether all numbers are whole.
    whole: bool = True
    #: Bands of a file that nothing reads, because Pillow skips them.
    skipped_bands: int = 0
    #: Files that cannot be read, by what is wrong.
    faults: list[str] = field(default_factory=list)

    @property
    def storage(self) -> Storage:
        """The usual storage."""
        return self.storages.most_common(1)[0][0]

    @property
    def size(self) -> tuple[int, int]:
        """The usual height and width."""
        return self.sizes.most_common(1)[0][0]

    def points(self) -> NDArray[np.float64]:
        """Pixels of files with the usual storage, shape (I, C)."""
        channels = self.storage.channels
        return np.concatenate([each for each in self.values if each.shape[1] == channels])

    def few_values(self) -> bool:
        """Whether the pixels have as few different values, or colours, as labels have."""
        if self.storage.palette:
            return True
        return self.whole and len(np.unique(self.points(), axis=0)) <= FEW


def look_at(paths: Sequence[Path]) -> Facts:
    """Read a sample of files, spread evenly; one that cannot be read is among the faults."""
    facts, missing = Facts(), []
    for path in spread(paths, SAMPLE):
        try:
            storage, stored = _storage(path), read_stored(path)
            facts.skipped_bands = max(facts.skipped_bands, _skipped_bands(path))
        except DataError as error:
            facts.faults.append(str(error))
            continue
        if stored.ndim not in (2, 3) or stored.dtype.kind not in "biuf":
            facts.faults.append(f"{path} is no image but {stored.dtype} of shape {stored.shape}")
            continue
        channels = stored.shape[2] if stored.ndim == 3 else 1
        facts.storages[Storage(channels=channels, bits=storage[0], palette=storage[1])] += 1
        facts.sizes[stored.shape[0], stored.shape[1]] += 1
        points = _points(stored, channels)
        finite = np.isfinite(points).all(axis=1)
        facts.values.append(points[finite])
        facts.whole &= bool((points[finite] % 1 == 0).all())
        missing.append(1 - float(finite.mean()))
    facts.missing = float(np.mean(missing)) if missing else 0.0
    return facts


def spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    """At most so many items: one of each of as many equal parts.

    The place within the part is random, but the same each time, so that kinds of files that take
    turns are all met.
    """
    if len(items) <= most:
        return items
    random = numpy_generator("sample of files", len(items))
    bounds = [index * len(items) // most for index in range(most + 1)]
    return [items[int(random.integers(*part))] for part in itertools.pairwise(bounds)]


def _storage(path: Path) -> tuple[int, bool]:
    """Bits per channel, 0 for an array, and whether there is a palette."""
    if is_array(path):
        return 0, False
    with open_image(path) as image:
        return read_kind(path)[1], image.mode in ("P", "PA")


def _skipped_bands(path: Path) -> int:
    """Bands of a TIFF beyond its colours of which it does not say what they are."""
    if is_array(path):
        return 0
    with open_image(path) as image:
        if not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
            return 0
        return int(image.tag_v2.get(SAMPLES_PER_PIXEL, 1)) - len(image.getbands())


def _points(stored: NDArray[Any], channels: int) -> NDArray[np.float64]:
    flat = stored.reshape(-1, channels)
    return flat[:: max(1, len(flat) // POINTS)].astype(np.float64)
