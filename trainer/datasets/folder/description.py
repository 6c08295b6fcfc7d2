"""The TOML file that describes a data set of one's own: typed, and checked when it is read."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from trainer.config.toml_records import build_record, read_toml
from trainer.datasets.decoding import ARRAY
from trainer.datasets.lists import check_share
from trainer.errors import ConfigError

__all__ = [
    "NAME",
    "Description",
    "LabelFiles",
    "ModalityFiles",
    "SplitRule",
    "is_description",
    "read_description",
]

#: Stands for an image's name in a pattern of files.
NAME = "{name}"
UNLABELLED = 255
LARGEST_CLASS, LARGEST_STORED = 255, 2**16 - 1


@dataclass(frozen=True, kw_only=True)
class ModalityFiles:
    """A table ``[modalities.NAME]``: where its files are, and how they become three channels."""

    #: Path of an image's file under the data set's folder, with ``{name}`` for its name.
    files: str
    #: ``colour``: three channels as they are; ``grey``: one channel three times; ``angle``: one
    #: channel as (sin, cos).
    encoding: Literal["colour", "grey", "angle"] = "colour"
    #: Bits a channel of an image file; an ``.npy`` file holds numbers of any kind.
    bits: Literal[8, 16] = 8
    #: Stored numbers that become black and white; what lies beyond is cut off. By default the
    #: least and the greatest of the file's bits. For ``grey``.
    range: tuple[float, ...] | None = None
    #: Stored number that is a whole turn, such as 180 for an angle of polarisation in degrees.
    #: For ``angle``.
    period: float | None = None
    #: Which band of a file with several is meant, counted from 0: one, or for ``colour`` three.
    #: By default files have no others.
    band: int | tuple[int, ...] | None = None
    #: What becomes of pixels that were not measured (not finite, or in ``hole_values``): the file
    #: is refused, or they take the ``smaller`` or the ``larger`` of the nearest numbers left and
    #: right of them. The farther surface is the larger depth and the smaller disparity.
    holes: Literal["refuse", "smaller", "larger"] = "refuse"
    #: Stored numbers that mean "not measured", such as 0.
    hole_values: tuple[float, ...] = ()
    #: What becomes of an image of another size than the run's first modality: it is refused, or
    #: takes the pixel that is ``nearest``.
    other_size: Literal["refuse", "nearest"] = "refuse"

    def bands(self) -> tuple[int, ...]:
        """The bands that are meant; empty for files that have no others."""
        if self.band is None:
            return ()
        return (self.band,) if isinstance(self.band, int) else self.band


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """The table ``[labels]``: numbers of 1 to 16 bits, or colours. Without it no labels."""

    #: Path of an image's label under the data set's folder, with ``{name}`` for its name.
    files: str
    #: Stored number of the first class; the others follow in order.
    first: int = 0
    #: Stored numbers of each class in order, one or several, where they do not follow each other.
    numbers: tuple[int | tuple[int, ...], ...] | None = None
    #: Stored numbers that stand for no class; by default 255, unless that is a class.
    ignore: tuple[int, ...] | None = None
    #: Whether pixels are numbers (of palette images: the indices) or colours of the description's
    #: palette. ``auto``: images of three or four channels are colours, others numbers.
    encoding: Literal["auto", "number", "colour"] = "auto"
    #: Colours that stand for no class.
    ignore_colours: tuple[tuple[int, ...], ...] = ()
    #: What becomes of numbers and colours that are named nowhere: the file is refused, or the
    #: pixel has no class.
    others: Literal["refuse", "ignore"] = "refuse"

    def class_numbers(self, classes: int) -> tuple[tuple[int, ...], ...]:
        """The stored numbers of each class."""
        if self.numbers is None:
            return tuple((self.first + index,) for index in range(classes))
        return tuple((each,) if isinstance(each, int) else each for each in self.numbers)

    def ignored_numbers(self, classes: int) -> tuple[int, ...]:
        """The stored numbers that stand for no class."""
        if self.ignore is not None:
            return self.ignore
        return tuple({UNLABELLED} - set(self.stored_numbers(classes)))

    def stored_numbers(self, classes: int) -> tuple[int, ...]:
        """The stored numbers of all classes."""
        return tuple(number for numbers in self.class_numbers(classes) for number in numbers)


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """The table ``[splits]``: lists of names, or shares held out of train by the seed."""

    #: List of names; by default all images that no other list has.
    train: str | None = None
    #: List of names, or share of the training images.
    val: str | float = 0.15
    test: str | float = 0.15
    #: Regular expression that finds the scene in a name: a share takes whole scenes.
    scene: str | None = None

    def __post_init__(self) -> None:
        for name in ("val", "test"):
            value = getattr(self, name)
            if isinstance(value, float):
                check_share(f"splits.{name}", value)
        try:
            re.compile(self.scene or "")
        except re.error as error:
            raise ConfigError(
                f"splits.scene = {self.scene!r} is no regular expression ({error}): mend it"
            ) from error


@dataclass(frozen=True, kw_only=True)
class Description:
    """A data set of one's own."""

    #: Names of the classes in the order of their labels, or how many there are.
    classes: int | tuple[str, ...] = ()
    #: One RGB colour a class, 0 to 255; by default colours of all hues.
    palette: tuple[tuple[int, ...], ...] | None = None
    modalities: dict[str, ModalityFiles] = field(default_factory=dict)
    labels: LabelFiles | None = None
    splits: SplitRule = field(default_factory=SplitRule)

    def __post_init__(self) -> None:
        _check_classes(self.class_names())
        _check_palette(self.palette, len(self.class_names()))
        if not self.modalities:
            raise ConfigError("there is no modality: write a table [modalities.rgb] with 'files'")
        for name, modality in self.modalities.items():
            _check_modality(f"modalities.{name}", modality)
        if self.labels is not None:
            _check_pattern("labels.files", self.labels.files)
            _check_labels(self.labels, len(self.class_names()), self.palette)

    def class_names(self) -> tuple[str, ...]:
        """One name a class."""
        if isinstance(self.classes, int):
            return tuple(f"class {index}" for index in range(self.classes))
        return self.classes


def is_description(table: Mapping[str, Any]) -> bool:
    """Whether a TOML table describes a data set, and not a run."""
    return isinstance(table.get("modalities"), Mapping) and "data" not in table


def read_description(path: Path) -> Description:
    """Read and check the file.

    Raises:
        ConfigError: If it is missing, no TOML, or a setting is wrong; names the file.
    """
    table = read_toml(path)
    try:
        return build_record(Description, table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _check_classes(names: tuple[str, ...]) -> None:
    if not 1 < len(names) < LARGEST_CLASS:
        raise ConfigError(
            f"classes are {len(names)}: name 2 to {LARGEST_CLASS - 1}, or give their number"
        )
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"classes names {name!r} twice: give each class its own name")


def _check_palette(palette: tuple[tuple[int, ...], ...] | None, classes: int) -> None:
    if palette is None:
        return
    if len(palette) != classes:
        raise ConfigError(
            f"palette has {len(palette)} colours for {classes} classes: give one a class, or"
            " leave it out"
        )
    _check_colours("palette", palette)


def _check_colours(where: str, colours: tuple[tuple[int, ...], ...]) -> None:
    for colour in colours:
        if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
            raise ConfigError(f"{where} has {list(colour)}: give red, green, blue from 0 to 255")


def _check_pattern(where: str, pattern: str) -> None:
    path = PurePosixPath(pattern)
    rest = pattern.replace(NAME, "", 1)
    if NAME not in pattern or "{" in rest or "}" in rest:
        raise ConfigError(
            f"{where} = {pattern!r} has to have {NAME} once, such as 'images/{NAME}.png'"
        )
    if path.is_absolute() or ".." in path.parts:
        raise ConfigError(
            f"{where} = {pattern!r} leaves the data set's folder: give a path under the folder of"
            " the TOML file"
        )


def _check_modality(where: str, modality: ModalityFiles) -> None:
    _check_pattern(f"{where}.files", modality.files)
    array = modality.files.endswith(ARRAY)
    _check_band(where, modality)
    _check_holes(where, modality)
    if modality.encoding == "colour" and array:
        raise ConfigError(f"{where}.encoding = 'colour' is for images, not for {ARRAY} files")
    if modality.period is not None and modality.encoding != "angle":
        raise ConfigError(f"{where}.period is for encoding = 'angle': leave it out")
    if modality.encoding == "angle" and not 0 < (modality.period or 0) < math.inf:
        raise ConfigError(
            f"{where} needs period, the positive number that is a whole turn, such as 180"
        )
    if modality.range is None:
        if modality.encoding == "grey" and array:
            raise ConfigError(
                f"{where} needs range, the numbers that become black and white, such as"
                " range = [0.0, 1.0]"
            )
        return
    if modality.encoding != "grey":
        raise ConfigError(f"{where}.range is for encoding = 'grey': leave it out")
    if (
        len(modality.range) != 2
        or not -math.inf < modality.range[0] < modality.range[1] < math.inf
    ):
        raise ConfigError(
            f"{where}.range = {list(modality.range)} is no range: give two numbers, the smaller"
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
            f"{where}.hole_values needs holes = 'larger' (depth) or 'smaller' (disparity): what"
            " such pixels take of the nearest numbers left and right of them"
        )


def _check_labels(
    labels: LabelFiles, classes: int, palette: tuple[tuple[int, ...], ...] | None
) -> None:
    if labels.numbers is None:
        last = labels.first + classes - 1
        if labels.first < 0 or last > LARGEST_STORED:
            raise ConfigError(
                f"labels.first = {labels.first} makes the classes {labels.first} to {last}: they"
                f" have to lie in 0 to {LARGEST_STORED}"
            )
    elif len(labels.numbers) != classes or labels.first != 0:
        raise ConfigError(
            f"labels.numbers has {len(labels.numbers)} entries for {classes} classes and"
            f" labels.first is {labels.first}: give an entry per class, and leave 'first' out"
        )
    stored = labels.stored_numbers(classes)
    ignored = labels.ignored_numbers(classes)
    for number in (*stored, *ignored):
        if not 0 <= number <= LARGEST_STORED:
            raise ConfigError(
                f"labels have the stored number {number}: give numbers from 0 to {LARGEST_STORED}"
            )
    for number in stored:
        if stored.count(number) > 1:
            raise ConfigError(f"labels.numbers gives {number} to two classes: give it to one")
    for number in ignored:
        if number in stored:
            raise ConfigError(
                f"labels.ignore has {number}: give numbers from 0 to {LARGEST_STORED} that are no"
                f" class ({min(stored)} to {max(stored)})"
            )
    _check_label_colours(labels, palette)


def _check_label_colours(labels: LabelFiles, palette: tuple[tuple[int, ...], ...] | None) -> None:
    _check_colours("labels.ignore_colours", labels.ignore_colours)
    if palette is None and (labels.encoding == "colour" or labels.ignore_colours):
        raise ConfigError(
            "labels are read by colour but there is no palette: write palette = [[R, G, B], ...],"
            " one colour per class"
        )
    for colour in labels.ignore_colours:
        if colour in (palette or ()):
            raise ConfigError(
                f"labels.ignore_colours has {list(colour)}, which is a class of the palette: give"
                " it one meaning"
            )
