"""Reading the files of a modality and of labels as described."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.angles import angle_image
from trainer.datasets.base import Image
from trainer.datasets.decoding import (
    as_plane,
    grey_image,
    read_integers,
    read_numbers,
    read_stored,
    unit_range,
)
from trainer.datasets.folder.description import Description
from trainer.datasets.folder.label_files import LabelFiles
from trainer.datasets.folder.modality_files import ModalityFiles
from trainer.datasets.headers import ANY_NUMBERS, is_array, read_kind
from trainer.datasets.holes import fill_rows
from trainer.datasets.masks import MaskRules
from trainer.errors import DataError

__all__ = ["ModalityReader", "mask_rules"]


@dataclass(frozen=True, kw_only=True)
class ModalityReader:
    """Reads the files of one modality."""

    #: Name of the modality, for messages.
    name: str
    files: ModalityFiles

    @property
    def has_holes(self) -> bool:
        """Whether files may have unmeasured pixels."""
        return self.files.holes != "refuse"

    def image(self, path: Path) -> Image:
        """The file as three channels.

        Raises:
            DataError: If it cannot be decoded or does not match the description.
        """
        if self.files.encoding == "colour":
            if is_array(path):
                return self._scaled(self._finite(path))
            return unit_range(self.stored(path))
        plane = self._filled(path)
        if self.files.encoding == "angle":
            radians = plane * np.float32(2 * np.pi / (self.files.period or 1))
            return angle_image(np.sin(radians), np.cos(radians))
        return grey_image(self._scaled(plane))

    def _scaled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The range from 0 to 1, and what is beyond clipped."""
        low, high = self.files.range or (0, 2**self.files.bits - 1)
        scaled: NDArray[np.float32] = ((values - low) / (high - low)).clip(0, 1)
        return scaled

    def stored(self, path: Path) -> NDArray[Any]:
        """The stored numbers that are used: all of them, or some bands.

        Raises:
            DataError: If it cannot be decoded or does not match the description.
        """
        bands = self.files.bands()
        if bands:
            return self._bands(path, bands)
        if is_array(path):
            return read_stored(path)
        if self.files.bits == ANY_NUMBERS:
            return read_numbers(path)
        channels = 3 if self.files.encoding == "colour" else 1
        return read_integers(path, channels=channels, bits=(self.files.bits,))

    def holes(self, path: Path) -> NDArray[np.bool_]:
        """The mask of unmeasured pixels, shape (h, w).

        Raises:
            DataError: If the file cannot be decoded or does not match the description.
        """
        return self._holes(as_plane(path, self.stored(path)))

    def _bands(self, path: Path, bands: tuple[int, ...]) -> NDArray[Any]:
        if not is_array(path) and (bits := read_kind(path)[1]) != self.files.bits:
            raise DataError(
                f"{path} has {bits} bits per channel instead of {self.files.bits}: set"
                f" modalities.{self.name}.bits"
            )
        stored = read_stored(path)
        planes = stored[:, :, None] if stored.ndim == 2 else stored
        if planes.ndim != 3 or max(bands) >= planes.shape[2]:
            count = planes.shape[2] if planes.ndim == 3 else 0
            raise DataError(
                f"{path} has {count} band{'' if count == 1 else 's'}, but"
                f" modalities.{self.name}.band = {self.files.band} counts from 0: give a band that"
                " exists"
            )
        return planes[:, :, bands[0]] if len(bands) == 1 else planes[:, :, list(bands)]

    def _holes(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        named = np.array(self.files.hole_values, dtype=np.float32)
        holes: NDArray[np.bool_] = ~np.isfinite(values) | np.isin(values, named)
        return holes

    def _finite(self, path: Path) -> NDArray[np.float32]:
        """Three planes of an array, shape (h, w, 3)."""
        values = self.stored(path).astype(np.float32)
        faults = np.argwhere(~np.isfinite(values).all(axis=2))
        if len(faults):
            row, column = faults[0]
            raise DataError(
                f"{path} has {len(faults)} pixels that are not finite, the first in row {row},"
                f" column {column}: fill them, or remove the image"
            )
        return values

    def _filled(self, path: Path) -> NDArray[np.float32]:
        values = as_plane(path, self.stored(path))
        holes = self._holes(values)
        if not holes.any():
            return values
        if not self.has_holes:
            row, column = np.argwhere(holes)[0]
            raise DataError(
                f"{path} has {holes.sum()} values that are not finite, the first in row {row},"
                f" column {column}: set modalities.{self.name}.holes to 'larger' (depth) or"
                " 'smaller' (disparity) to fill them from their row, or remove the image"
            )
        if holes.all():
            raise DataError(f"{path} has no measured pixel: remove the image")
        sign = np.float32(1 if self.files.holes == "smaller" else -1)
        return sign * fill_rows(sign * values, ~holes)


def mask_rules(description: Description, labels: LabelFiles) -> MaskRules:
    """The meaning of the pixels in the label images."""
    classes = len(description.class_names())
    return MaskRules(
        numbers=labels.class_numbers(classes),
        ignored=labels.ignored_numbers(classes),
        colours=None if description.palette is None else rgb_colours(description.palette),
        ignored_colours=rgb_colours(labels.ignore_colours),
        encoding=labels.encoding,
        others_ignored=labels.others == "ignore",
    )


def rgb_colours(colours: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, int, int], ...]:
    """Checked colours as tuples of three numbers."""
    return tuple((red, green, blue) for red, green, blue in colours)
