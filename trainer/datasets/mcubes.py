"""MCubeS: materials in street scenes, 20 classes, RGB, NIR and polarisation (``docs/data.md``).

Layout under the root, as published by the data set's authors and in the UniM2 archive::

    polL_color/NAME.png      RGB, 16 bits (or 8)
    NIR_warped/NAME.png      near infrared, one channel of 16 bits
    polL_aolp_sin/NAME.npy   sine and cosine of twice the angle of linear polarisation,
    polL_aolp_cos/NAME.npy   from -1 to 1
    polL_dolp/NAME.npy       degree of linear polarisation, from 0 to 1
    GT/NAME.png              0 to 19 classes, 255 none; without the folder: no labels
    list_folder/train.txt    names, one per line; likewise val.txt and test.txt; a missing one is
                             held out of train by scene

The first 192 columns are dropped, as the data set's authors do; set ``left_offset`` to 0 for
copies without them.

With ``range = "fixed"``, a grey value means the same in all images: RGB and NIR are the stored
numbers divided by the largest possible number, the degree of polarisation is unchanged (noise
below 0 or above 1 is clipped), and the angle is stored as the point (sin, cos) on a circle: both
channels on the same scale from -1 to 1, and the third channel constant at the middle of that
scale, so that neither counts twice. With ``range = "per-image"``, as in the published code, all
images are reduced to 8 bits, and sine, cosine and degree are each stretched to their range in the
image. This distorts the angle and loses the overall degree of polarisation. The third channel
repeats the sine.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.angles import angle_image
from trainer.datasets.base import DataSet, Image, Label, check_modalities
from trainer.datasets.decoding import (
    grey_image,
    label_table,
    read_array,
    read_integers,
    read_label,
    unit_range,
)
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.gathering import gather
from trainer.datasets.lists import HeldOutOptions, read_splits
from trainer.datasets.roots import find_root
from trainer.errors import ConfigError, DataError

__all__ = ["MCubeSOptions", "open_mcubes"]

VERSION = 1  # of the encoding

CLASSES = (
    ("asphalt", (44, 160, 44)),
    ("concrete", (31, 119, 180)),
    ("metal", (255, 127, 14)),
    ("road marking", (214, 39, 40)),
    ("fabric", (140, 86, 75)),
    ("glass", (127, 127, 127)),
    ("plaster", (188, 189, 34)),
    ("plastic", (255, 152, 150)),
    ("rubber", (23, 190, 207)),
    ("sand", (174, 199, 232)),
    ("gravel", (196, 156, 148)),
    ("ceramic", (197, 176, 213)),
    ("cobblestone", (247, 182, 210)),
    ("brick", (199, 199, 199)),
    ("grass", (219, 219, 141)),
    ("wood", (158, 218, 229)),
    ("leaf", (57, 59, 121)),
    ("water", (107, 110, 207)),
    ("human", (156, 158, 222)),
    ("sky", (99, 121, 57)),
)
LABELS = label_table({255: 255, **{index: index for index in range(len(CLASSES))}})

#: Modality to the folders of its files, and the ends of their names.
FOLDERS = {
    "rgb": (("polL_color",), ".png"),
    "nir": (("NIR_warped",), ".png"),
    "aolp": (("polL_aolp_sin", "polL_aolp_cos"), ".npy"),
    "dolp": (("polL_dolp",), ".npy"),
}
#: Largest rounding error of a stored sine beyond its range.
ROUNDING = 1e-2
#: A plane that varies by no more than this becomes constant when it is stretched.
FLAT = 1e-6

Number = TypeVar("Number", bound=np.generic)

#: Channels of the angle of polarisation that hold the sine of twice the angle, by scale.
SINES = {"fixed": (0,), "per-image": (0, 2)}


@dataclass(frozen=True, kw_only=True)
class MCubeSOptions(HeldOutOptions):
    """The table ``[data.options]``."""

    #: Number of columns dropped at the left of every image and label.
    left_offset: int = 192
    #: Scale of the images: the same for all, or (as published) each image's own.
    range: Literal["fixed", "per-image"] = "fixed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.left_offset < 0:
            raise ConfigError(
                f"data.options.left_offset = {self.left_offset} is negative: give 0 or more"
            )


def open_mcubes(config: DataConfig) -> DataSet:
    """Find the listed images and split them.

    Raises:
        ConfigError: On an unknown option or modality.
        DataError: If the root or ``list_folder/train.txt`` is missing, or a list is damaged.
    """
    options = build_record(MCubeSOptions, config.options, "data.options")
    check_modalities(config.modalities, offered=tuple(FOLDERS), data_set=config.name)
    root = find_root(config, holds="polL_color/ and list_folder/")
    names = read_splits(
        root / "list_folder",
        val=options.val,
        share=options.held_out_share,
        purpose=("mcubes", "split", config.seed),
        group=_scene,
    )
    found = gather(
        names,
        tree=FileTree(root),
        images={modality: _files(root, modality) for modality in config.modalities},
        label=lambda name: root / "GT" / f"{name}.png",
    )
    reader = _Reader(left_offset=options.left_offset)
    return found.data_set(
        config,
        classes=CLASSES,
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image=reader.fixed() if options.range == "fixed" else reader.per_image(),
            read_label=reader.label,
        ),
        root=root,
        identity={
            "data set": "mcubes",
            "version": VERSION,
            "left_offset": options.left_offset,
            "range": options.range,
        },
        notes=names.notes,
        odd_channels={"aolp": SINES[options.range]},
    )


def _scene(name: str) -> str:
    """The recording of an image: its name without the number of the frame."""
    return re.sub(r"_\d+$", "", name)


def _files(root: Path, modality: str) -> Callable[[str], tuple[Path, ...]]:
    folders, suffix = FOLDERS[modality]
    return lambda name: tuple(root / folder / f"{name}{suffix}" for folder in folders)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads files without their leftmost columns."""

    left_offset: int

    def fixed(self) -> dict[str, Callable[..., Image]]:
        """One scale for all images."""
        return {
            "rgb": lambda path: unit_range(self._colour(path)),
            "nir": lambda path: grey_image(unit_range(self._infrared(path))),
            "aolp": lambda sin, cos: angle_image(self._wave(sin), self._wave(cos)),
            "dolp": lambda path: grey_image(self._plane(path).clip(0, 1)),
        }

    def per_image(self) -> dict[str, Callable[..., Image]]:
        """The scales of the published code: 8 bits; polarisation stretched to its range."""
        return {
            "rgb": lambda path: unit_range(_to_8_bits(self._colour(path))),
            "nir": lambda path: grey_image(unit_range(_to_8_bits(self._infrared(path)))),
            "aolp": lambda sin, cos: _stretched_angle(self._wave(sin), self._wave(cos)),
            "dolp": lambda path: grey_image(_stretch(self._plane(path))),
        }

    def label(self, path: Path) -> Label:
        """The classes of an image."""
        return self._cut(path, read_label(path, LABELS))

    def _colour(self, path: Path) -> NDArray[np.uint8 | np.uint16]:
        return self._cut(path, read_integers(path, channels=3, bits=(8, 16)))

    def _infrared(self, path: Path) -> NDArray[np.uint8 | np.uint16]:
        return self._cut(path, read_integers(path, channels=1, bits=(16,)))

    def _plane(self, path: Path) -> NDArray[np.float32]:
        return self._cut(path, read_array(path))

    def _wave(self, path: Path) -> NDArray[np.float32]:
        values = self._plane(path)
        if np.abs(values).max() > 1 + ROUNDING:
            raise DataError(
                f"{path} has values from {values.min():g} to {values.max():g}, but a sine or"
                " cosine is between -1 and 1: store the sine and cosine of twice the angle"
            )
        return values.clip(-1, 1)

    def _cut(self, path: Path, stored: NDArray[Number]) -> NDArray[Number]:
        width = stored.shape[1]
        if width <= self.left_offset:
            raise DataError(
                f"{path} is {width} pixels wide and data.options.left_offset ="
                f" {self.left_offset} drops them all: set it to 0"
            )
        rest: NDArray[Number] = stored[:, self.left_offset :]
        return rest


def _stretched_angle(sine: NDArray[np.float32], cosine: NDArray[np.float32]) -> Image:
    stretched = _stretch(sine)
    return np.stack([stretched, _stretch(cosine), stretched], axis=2)


def _stretch(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the smallest value to the largest, in 256 steps; all 0 if they are equal."""
    low, high = values.min(), values.max()
    if high - low <= FLAT:
        return np.zeros_like(values)
    return unit_range(((values - low) / (high - low) * np.float32(255)).astype(np.uint8))


def _to_8_bits(stored: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
    return (stored >> 8).astype(np.uint8) if stored.dtype == np.uint16 else stored
