"""The tables ``[modalities.NAME]`` of a description: typed and checked."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.headers import ANY_NUMBERS, ARRAY, is_array
from trainer.errors import ConfigError

__all__ = ["ModalityFiles", "check_modality"]


@dataclass(frozen=True, kw_only=True)
class ModalityFiles:
    """A table ``[modalities.NAME]``: its files, and their conversion into three channels."""

    #: Path of an image's file under the data set's folder, with ``{name}`` for its name;
    #: ``**/{name}`` also matches files in subfolders.
    files: str
    #: ``colour``: three channels as they are; ``grey``: one channel three times; ``angle``: one
    #: channel as (sin, cos).
    encoding: Literal["colour", "grey", "angle"] = "colour"
    #: Bits per channel of an image file. One of 32 bits (TIFF), like an ``.npy`` file, holds one
    #: plane of numbers of any kind.
    bits: Literal[8, 16, 32] = 8
    #: Stored numbers that become black and white; numbers beyond are clipped. By default the
    #: smallest and the largest of the file's bits. For ``grey``, and ``colour`` in ``.npy`` files.
    range: tuple[float, ...] | None = None
    #: Stored number of a whole turn, such as 180 for an angle of polarisation in degrees.
    #: For ``angle``.
    period: float | None = None
    #: The bands to use of a file with several, counted from 0: one, or for ``colour`` three.
    #: By default files have only these.
    band: int | tuple[int, ...] | None = None
    #: Treatment of pixels that were not measured (not finite, or in ``hole_values``): the file is
    #: refused, or they take the ``smaller`` or the ``larger`` of the nearest numbers to the left
    #: and right. The farther surface is the larger depth and the smaller disparity.
    holes: Literal["refuse", "smaller", "larger"] = "refuse"
    #: Stored numbers that mean "not measured", such as 0.
    hole_values: tuple[float, ...] = ()
    #: Treatment of an image whose size differs from the run's first modality: it is refused, or
    #: it takes the ``nearest`` pixels.
    other_size: Literal["refuse", "nearest"] = "refuse"

    def bands(self) -> tuple[int, ...]:
        """The bands to use; empty for files that have no others."""
        if self.band is None:
            return ()
        return (self.band,) if isinstance(self.band, int) else self.band


def check_modality(where: str, modality: ModalityFiles) -> None:
    """Refuse settings that contradict each other.

    Args:
        where: The table's name, for messages.
        modality: The table.

    Raises:
        ConfigError: On the first such setting.
    """
    FilePattern.check(f"{where}.files", modality.files)
    array = is_array(Path(modality.files))
    any_numbers = array or modality.bits == ANY_NUMBERS
    _check_band(where, modality)
    _check_holes(where, modality)
    if modality.encoding == "colour" and any_numbers and not array:
        raise ConfigError(f"{where}.encoding = 'colour' is not for bits = {ANY_NUMBERS}")
    if modality.encoding == "colour" and array and not modality.bands():
        raise ConfigError(
            f"{where} needs band, the three planes of an {ARRAY} file that are red, green and"
            " blue, such as band = [0, 1, 2]; encoding = 'grey' is for a single plane"
        )
    if modality.period is not None and modality.encoding != "angle":
        raise ConfigError(f"{where}.period is for encoding = 'angle': leave it out")
    if modality.encoding == "angle" and not 0 < (modality.period or 0) < math.inf:
        raise ConfigError(
            f"{where} needs period, the positive number of a whole turn, such as 180"
        )
    if modality.range is None:
        if modality.encoding != "angle" and any_numbers:
            raise ConfigError(
                f"{where} needs range, the numbers that become black and white, such as"
                " range = [0.0, 1.0]"
            )
        return
    if modality.encoding != "grey" and not (array and modality.encoding == "colour"):
        raise ConfigError(
            f"{where}.range is for encoding = 'grey', and for colours in {ARRAY} files: leave it"
            " out"
        )
    if (
        len(modality.range) != 2
        or not -math.inf < modality.range[0] < modality.range[1] < math.inf
    ):
        raise ConfigError(
            f"{where}.range = {list(modality.range)} is not a range: give two numbers, the smaller"
            " first"
        )


def _check_band(where: str, modality: ModalityFiles) -> None:
    bands = modality.bands()
    wanted = 3 if modality.encoding == "colour" else 1
    if bands and (len(bands) != wanted or min(bands) < 0):
        text = "three bands, such as [0, 1, 2]" if wanted == 3 else "one band, such as 0"
        raise ConfigError(
            f"{where}.band = {modality.band} does not suit encoding = {modality.encoding!r}: give"
            f" {text}"
        )


def _check_holes(where: str, modality: ModalityFiles) -> None:
    if modality.encoding == "colour" and modality.holes != "refuse":
        raise ConfigError(f"{where}.holes is for encoding = 'grey' or 'angle': leave it out")
    if modality.hole_values and modality.holes == "refuse":
        raise ConfigError(
            f"{where}.hole_values needs holes = 'larger' (depth) or 'smaller' (disparity): which"
            " of the nearest numbers to the left and right such pixels take"
        )
