"""Data sets: a record of names and splits, and a source of images and labels.

Only a data set's own file knows its name; all differences between data sets are in the record.
Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError

__all__ = [
    "DataSet",
    "Image",
    "Label",
    "Number",
    "Source",
    "Split",
    "UnknownModality",
    "check_modalities",
]

#: An image of any modality: float32 with shape (h, w, 3), from 0 to 1.
Image = NDArray[np.float32]

#: Class of each pixel: uint8 with shape (h, w), 255 for pixels without a class.
Label = NDArray[np.uint8]

Number = TypeVar("Number", bound=np.generic)


class Source(Protocol):
    """Provides the images and labels of a data set by name.

    Methods with a body are defaults for classes that inherit from this one.
    """

    def image(self, name: str, modality: str) -> Image:
        """The image ``name`` in a modality, encoded as three channels.

        Raises:
            DataError: If its file cannot be decoded.
        """
        ...

    def label(self, name: str) -> Label:
        """The classes of the image ``name``; only for labelled splits.

        Raises:
            DataError: If its file cannot be decoded.
        """
        ...

    def files(self) -> tuple[Path, ...]:
        """All files that images and labels are read from; empty if they are generated."""
        ...

    def image_files(self, name: str, modality: str) -> tuple[Path, ...]:
        """The files that an image of a modality is read from; empty if it is drawn."""
        return ()

    def depends_on(self, modality: str) -> tuple[str, ...]:
        """The modalities whose files decide about the pixels of one, in their order."""
        return (modality,)

    def made_from(self, modality: str) -> tuple[str, ...]:
        """The modalities whose images one is made from; empty if its images are in files."""
        return ()

    def make(self, modality: str, *images: Image) -> Image:
        """Make an image of a modality from those of :meth:`made_from`, in that order."""
        raise AssertionError(f"{modality} is not made from other modalities")

    def is_computed(self, modality: str) -> bool:
        """Whether it takes long to compute an image of a modality from its files."""
        return False

    def check(self) -> tuple[str, ...]:
        """Refuse damaged or mismatching files, as far as the check is affordable.

        Returns:
            Notes for the user, one line each.

        Raises:
            DataError: On the first such file; names it.
        """
        ...

    def stored(self, name: str, kind: str) -> NDArray[np.generic] | None:
        """The stored numbers before any interpretation, for ``inspect`` to describe.

        Args:
            name: Name of an image.
            kind: A modality, or ``label``.

        Returns:
            Array with shape (h, w) or (h, w, channels); None if nothing is stored.

        Raises:
            DataError: If its file cannot be decoded.
        """
        return None

    def holes(self, name: str, modality: str) -> NDArray[np.bool_] | None:
        """The pixels of an image that were not measured, to be marked in pictures.

        Args:
            name: Name of an image.
            modality: Modality of the image.

        Returns:
            Array with shape (h, w); None if the modality has no such pixels.

        Raises:
            DataError: If its file cannot be decoded.
        """
        return None

    def fitted(
        self, modality: str, pixels: NDArray[Number], size: tuple[int, int]
    ) -> NDArray[Number]:
        """An image resized to the first modality's size, if the data set allows it.

        Args:
            modality: Modality of the image.
            pixels: Array whose first axes are height and width.
            size: Height and width of the first modality's image.

        Returns:
            The nearest pixels, or the unchanged image if it must not be resampled or has other
            proportions.
        """
        return pixels

    def size_advice(self, kind: str, size: tuple[int, ...], other: tuple[int, ...]) -> str:
        """Advice on an image whose size differs from the first modality's, for messages.

        Args:
            kind: A modality, or ``label``.
            size: The image's height and width.
            other: Those of the first modality's image.
        """
        return "bring them to one size"

    def decode(self, modality: str, *paths: Path) -> Image:
        """Decode one of the user's own images like those of the data set.

        Args:
            modality: Modality of the image.
            paths: The file, or the files that make one image together.

        Raises:
            DataError: If a file cannot be decoded or has the wrong kind of content.
        """
        raise DataError(f"{paths[0]} is not read: this data set takes no files of your own")

    def orientations(self, name: str, kind: str) -> tuple[int, ...]:
        """EXIF orientation of each file of an image or label; empty if it is generated.

        Args:
            name: Name of an image.
            kind: A modality, or ``label``.

        Raises:
            DataError: If a file cannot be decoded.
        """
        return ()

    def shared_file(self, modality: str, other: str) -> bool:
        """Whether two modalities of an image are read from the same file."""
        return False

    def own_affixes(self) -> Mapping[str, tuple[str, str]]:
        """Start and end of file names by modality, for modalities whose names have them."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Split:
    """The images of one split."""

    #: Names that the source knows, in a fixed order.
    names: tuple[str, ...]
    #: Whether the source has labels for them.
    labelled: bool

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One opened data set, with the requested modalities."""

    #: Class names; a label is an index into them.
    classes: tuple[str, ...]
    #: One RGB colour per class, for pictures.
    palette: tuple[tuple[int, int, int], ...]
    #: The requested modalities, the main one first.
    modalities: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    source: Source
    #: Folder of its files, so that their names do not depend on the machine; None if generated.
    root: Path | None
    #: All that determines its images apart from the files: version, options, seed (plain JSON).
    identity: Mapping[str, Any]
    #: Facts to know before comparing scores, one line each, for ``inspect``.
    notes: tuple[str, ...] = ()
    #: Files in its folders that are not used, one line per folder.
    unused: tuple[str, ...] = ()
    #: Missing files, one line each. Their images are in no split. ``open_dataset`` refuses such a
    #: data set; ``inspect`` continues and lists them all.
    faults: tuple[str, ...] = ()
    #: Modality to the channels that change from x to 1 - x when the scene is mirrored: sines of
    #: angles. Contains only modalities with such channels.
    odd_channels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    #: Whether the user chose the palette; then pictures use it.
    palette_chosen: bool = False

    def __post_init__(self) -> None:
        assert len(self.classes) == len(self.palette)
        assert len(self.classes) < 255, "255 marks pixels without a class"

    def splits(self) -> dict[str, Split]:
        """Train, val and test by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


class UnknownModality(ConfigError):
    """A data set does not have a requested modality."""

    def __init__(self, modality: str, offered: tuple[str, ...], data_set: str) -> None:
        super().__init__(
            f"data.modalities names {modality!r}, which the data set {data_set!r} does not have:"
            f" choose from {', '.join(offered)}"
        )
        self.modality = modality
        self.offered = offered


def check_modalities(asked: tuple[str, ...], *, offered: tuple[str, ...], data_set: str) -> None:
    """Refuse a modality that the data set does not have.

    Raises:
        UnknownModality: On the first unknown modality; lists the known ones.
    """
    for modality in asked:
        if modality not in offered:
            raise UnknownModality(modality, offered, data_set)
