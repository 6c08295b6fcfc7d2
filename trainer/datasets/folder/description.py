"""The TOML file that describes a data set of one's own: typed, and checked when it is read."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

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
    "read_description",
]

#: Stands for an image's name in a pattern of files.
NAME = "{name}"
LARGEST_LABEL = 255


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


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """The table ``[labels]``: 8-bit images of one channel. Without it there are no labels."""

    #: Path of an image's label under the data set's folder, with ``{name}`` for its name.
    files: str
    #: Stored number of the first class; the others follow in order.
    first: int = 0
    #: Stored numbers that stand for no class.
    ignore: tuple[int, ...] = (255,)


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
            _check_labels(self.labels, len(self.class_names()))

    def class_names(self) -> tuple[str, ...]:
        """One name a class."""
        if isinstance(self.classes, int):
            return tuple(f"class {index}" for index in range(self.classes))
        return self.classes


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
    if not 1 < len(names) < LARGEST_LABEL:
        raise ConfigError(
            f"classes are {len(names)}: name 2 to {LARGEST_LABEL - 1}, or give their number"
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
    for colour in palette:
        if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
            raise ConfigError(f"palette has {list(colour)}: give red, green, blue from 0 to 255")


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


def _check_labels(labels: LabelFiles, classes: int) -> None:
    last = labels.first + classes - 1
    if labels.first < 0 or last > LARGEST_LABEL:
        raise ConfigError(
            f"labels.first = {labels.first} makes the classes {labels.first} to {last}: they have"
            f" to lie in 0 to {LARGEST_LABEL}"
        )
    for number in labels.ignore:
        if labels.first <= number <= last or not 0 <= number <= LARGEST_LABEL:
            raise ConfigError(
                f"labels.ignore has {number}: give numbers from 0 to {LARGEST_LABEL} that are no"
                f" class ({labels.first} to {last})"
            )
