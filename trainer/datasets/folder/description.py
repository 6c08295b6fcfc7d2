"""The TOML file that describes the user's own data set: typed, and checked when it is read."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from trainer.config.paths import PathText
from trainer.config.toml_records import build_record, read_toml
from trainer.datasets.folder.label_files import (
    LARGEST_CLASS,
    LabelFiles,
    check_colours,
    check_labels,
)
from trainer.datasets.folder.modality_files import ModalityFiles, check_modality
from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.lists import check_share
from trainer.datasets.names import native
from trainer.errors import ConfigError

__all__ = [
    "LABEL",
    "Description",
    "SplitRule",
    "read_description",
]

#: Name of the labels among the modalities; it cannot be a modality because it has a blank.
LABEL = "label files"


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """The table ``[splits]``: lists of names, folders, or shares of train held out at random.

    A text that ends in ``/`` is a folder: the images whose names begin with it.
    """

    #: List of names, or a folder; by default all images that are in no other split.
    train: str | None = None
    #: List of names, a folder, or share of the training images.
    val: str | float = 0.15
    test: str | float = 0.15
    #: Regular expression that finds the scene in a name; a share then takes whole scenes.
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
                f"splits.scene = {self.scene!r} is not a regular expression ({error}): fix it"
            ) from error


@dataclass(frozen=True, kw_only=True)
class Description:
    """A description of the user's own data set."""

    #: Folder that paths are relative to; by default that of the description.
    folder: PathText | None = None
    #: Names of the classes in the order of their labels, or the number of classes.
    classes: int | tuple[str, ...] = ()
    #: One RGB colour per class, 0 to 255; by default colours of all hues.
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
            _check_modality_name(name)
            check_modality(f"modalities.{name}", modality)
        if self.labels is not None:
            check_labels(self.labels, len(self.class_names()), self.palette)

    def root(self, file: Path) -> Path:
        """The folder that paths are relative to, of the description in ``file``."""
        return file.parent if self.folder is None else file.parent / native(self.folder)

    def patterns(self) -> dict[str, FilePattern]:
        """File patterns by modality and, as ``label``, that of the labels."""
        texts = {name: modality.files for name, modality in self.modalities.items()}
        if self.labels is not None:
            texts[LABEL] = self.labels.files
        return {name: FilePattern(text) for name, text in texts.items()}

    def class_names(self) -> tuple[str, ...]:
        """One name per class."""
        if isinstance(self.classes, int):
            return tuple(f"class {index}" for index in range(self.classes))
        return self.classes


def read_description(path: Path) -> Description:
    """Read and check the file.

    Raises:
        ConfigError: If it is missing, is not TOML, or has a wrong setting; names the file.
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
        if not name.strip() or not name.isprintable():
            raise ConfigError(
                f"classes holds the name {name!r}: give each class a name that can be read"
            )
        if names.count(name) > 1:
            raise ConfigError(f"classes names {name!r} twice: give each class its own name")


def _check_modality_name(name: str) -> None:
    if not re.fullmatch(r"[\w-]+", name):
        raise ConfigError(
            f"modalities has a table {name!r}: name a modality with letters, digits, _ and -"
        )


def _check_palette(palette: tuple[tuple[int, ...], ...] | None, classes: int) -> None:
    if palette is None:
        return
    if len(palette) != classes:
        raise ConfigError(
            f"palette has {len(palette)} colours for {classes} classes: give one per class, or"
            " leave it out"
        )
    check_colours("palette", palette)
