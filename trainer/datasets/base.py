"""What a data set is: a record of names and splits, and a source of images and labels.

Nothing outside a data set's own file asks for its name: whatever differs between data
sets is in the record. Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError

__all__ = ["DataSet", "Image", "Label", "Number", "Source", "Split", "check_modalities"]

#: An image of any modality: float32 with shape (h, w, 3), from 0 to 1.
Image = NDArray[np.float32]

#: Classes of an image's pixels: uint8 with shape (h, w), 255 where there is none.
Label = NDArray[np.uint8]

Number = TypeVar("Number", bound=np.generic)


class Source(Protocol):
    """Gives the images and labels of a data set by name.

    Methods with a body are defaults for a class that names this one as its base.
    """

    def image(self, name: str, modality: str) -> Image:
        """The image ``name`` in a modality, encoded as three channels.

        Raises:
            DataError: If its file cannot be decoded.
        """
        ...

    def label(self, name: str) -> Label:
        """The classes of the image ``name``; only for splits that are labelled.

        Raises:
            DataError: If its file cannot be decoded.
        """
        ...

    def files(self) -> tuple[Path, ...]:
        """Every file that images and labels are read from; empty if they are drawn."""
        ...

    def image_files(self, name: str, modality: str) -> tuple[Path, ...]:
        """The files that an image of a modality is read from; empty if it is drawn."""
        return ()

    def depends_on(self, modality: str) -> tuple[str, ...]:
        """The modalities whose files decide about the pixels of one, in their order."""
        return (modality,)

    def is_computed(self, modality: str) -> bool:
        """Whether it takes long to compute an image of a modality from its files."""
        return False

    def check(self) -> tuple[str, ...]:
        """Refuse damaged or mismatching files, as far as that is affordable.

        Returns:
            What their user should know of them, a line each.

        Raises:
            DataError: On the first such file, by its name.
        """
        ...

    def stored(self, name: str, kind: str) -> NDArray[np.generic] | None:
        """The numbers as they are stored, whatever they mean, for ``inspect`` to describe.

        Args:
            name: Name of an image.
            kind: A modality, or ``label``.

        Returns:
            Array with shape (h, w) or (h, w, channels); None where nothing is stored.

        Raises:
            DataError: If its file cannot be decoded.
        """
        return None

    def holes(self, name: str, modality: str) -> NDArray[np.bool_] | None:
        """Which pixels of an image were not measured, for pictures to mark.

        Args:
            name: Name of an image.
            modality: What it shows.

        Returns:
            Array with shape (h, w); None where the modality has no such pixels.

        Raises:
            DataError: If its file cannot be decoded.
        """
        return None

    def fitted(
        self, modality: str, pixels: NDArray[Number], size: tuple[int, int]
    ) -> NDArray[Number]:
        """An image at the size of the first modality's, where the data set says so.

        Args:
            modality: What it shows.
            pixels: Height and width first.
            size: Height and width of the first modality's image.

        Returns:
            The nearest pixels; or the image as it is, where it is not to be resampled or has
            other proportions.
        """
        return pixels

    def size_advice(self, kind: str) -> str:
        """What to do about images of another size than the first modality's, for messages.

        Args:
            kind: A modality, or ``label``.
        """
        return "bring them to one size"

    def decode(self, modality: str, *paths: Path) -> Image:
        """An image of a user's own, encoded as this data set encodes its images.

        Args:
            modality: What it shows.
            paths: The file, or the files that make one image together.

        Raises:
            DataError: If a file cannot be decoded or is of another kind.
        """
        raise DataError(f"{paths[0]} is not read: this data set takes no files of your own")

    def orientations(self, name: str, kind: str) -> tuple[int, ...]:
        """The EXIF orientation of each file of an image, or of its label; none if it is drawn.

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
        """Modality to what its files' names begin with and end in, where that differs."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Split:
    """The images of one split."""

    #: Names the source knows, in a fixed order.
    names: tuple[str, ...]
    #: Whether the source has labels for them.
    labelled: bool

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One opened data set, with the modalities that were asked for."""

    #: Class names; a label is an index into them.
    classes: tuple[str, ...]
    #: One RGB colour a class, for pictures.
    palette: tuple[tuple[int, int, int], ...]
    #: The modalities that were asked for, the anchor first.
    modalities: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    source: Source
    #: Where its files lie, so that they can be named alike on every machine; None if drawn.
    root: Path | None
    #: What its images depend on besides its files: version, options, seed (plain JSON).
    identity: Mapping[str, Any]
    #: What is worth knowing before its scores are compared: one line each, for ``inspect``.
    notes: tuple[str, ...] = ()
    #: Files in its folders that fit nothing: one line a folder.
    unused: tuple[str, ...] = ()
    #: Files that are missing: one line each. Their images are in no split. ``open_dataset``
    #: refuses such a data set; ``inspect`` goes on, to name them all.
    faults: tuple[str, ...] = ()
    #: Modality to the channels that turn round the middle of their scale, x into 1 - x, when
    #: the scene is mirrored: sines of angles. Only for modalities that have such.
    odd_channels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    #: Whether the user chose the palette: then pictures use no other.
    palette_chosen: bool = False

    def __post_init__(self) -> None:
        assert len(self.classes) == len(self.palette)
        assert len(self.classes) < 255, "255 marks pixels without a class"

    def splits(self) -> dict[str, Split]:
        """Train, val and test by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def check_modalities(asked: tuple[str, ...], *, offered: tuple[str, ...], data_set: str) -> None:
    """Refuse a modality that the data set does not have.

    Raises:
        ConfigError: On the first unknown modality; lists those it has.
    """
    for modality in asked:
        if modality not in offered:
            raise ConfigError(
                f"data.modalities names {modality!r}, which the data set {data_set!r} does not"
                f" have: choose from {', '.join(offered)}"
            )
