"""Data sets of the user's own images, described by a TOML file; ``docs/data.md`` shows one.

``data.root`` names the file, or the folder that contains it as ``dataset.toml``. Paths in it are
relative to its folder.
"""

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.config.described import DESCRIPTION
from trainer.console.shell import search_command, shell_text
from trainer.datasets.base import DataSet, Label, check_modalities
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.folder.description import LABEL, Description, read_description
from trainer.datasets.folder.label_files import LabelFiles
from trainer.datasets.folder.leftovers import find_leftovers
from trainer.datasets.folder.modality_files import ModalityFiles
from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.folder.reading import ModalityReader, mask_rules, rgb_colours
from trainer.datasets.folder.splitting import split_names
from trainer.datasets.gathering import gather
from trainer.datasets.masks import read_mask
from trainer.datasets.names import native
from trainer.errors import ConfigError, DataError

__all__ = ["open_folder"]

VERSION = 1  # of the encodings
#: Settings that are always part of a data set's identity.
MODALITY_SETTINGS, LABEL_SETTINGS = ("encoding", "bits", "range", "period"), ("first", "ignore")


def open_folder(config: DataConfig) -> DataSet:
    """Read the description, find the images and split them.

    Raises:
        ConfigError: If the description is missing or wrong, or a modality or option is unknown.
        DataError: If a modality has no files, or a list is damaged.
    """
    if config.options:
        raise ConfigError(
            f"unknown key {next(iter(config.options))!r} in table [data.options]: 'folder' has"
            " none, its settings belong in the data set's own TOML file"
        )
    file = _description_file(config.root)
    description = read_description(file)
    root = description.root(file)
    check_modalities(config.modalities, offered=tuple(description.modalities), data_set=str(file))
    modalities = {name: description.modalities[name] for name in config.modalities}
    tree, patterns = FileTree(root), description.patterns()
    names = split_names(tree, config.modalities, description, config.seed)
    labels = description.labels
    read = tuple(pattern for name, pattern in patterns.items() if name in (*modalities, LABEL))
    found = gather(
        names,
        tree=tree,
        images={name: _files(root, patterns[name]) for name in modalities},
        label=None if labels is None else _label_file(root, patterns[LABEL]),
        unused=partial(find_leftovers, tree, tuple(patterns.values()), read),
    )
    readers = {
        name: ModalityReader(name=name, files=modality) for name, modality in modalities.items()
    }
    return found.data_set(
        config,
        classes=zip(description.class_names(), _palette(description), strict=True),
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image={name: reader.image for name, reader in readers.items()},
            read_label=_mask_reader(description),
            read_stored={name: reader.stored for name, reader in readers.items()},
            read_holes={name: each.holes for name, each in readers.items() if each.has_holes},
            resampled=_resampled(modalities),
            resample_option="modalities.{}.other_size = 'nearest'",
            affixes={name: patterns[name].affixes() for name in modalities},
        ),
        root=root,
        identity=_identity(description, modalities),
        notes=(*names.notes, *_resampling_notes(modalities)),
        palette_chosen=description.palette is not None,
        odd_channels={
            name: (0,) for name, modality in modalities.items() if modality.encoding == "angle"
        },
    )


def _resampled(modalities: Mapping[str, ModalityFiles]) -> frozenset[str]:
    """Modalities that are resized to the size of the first one, which keeps its own."""
    _, *others = modalities
    return frozenset(name for name in others if modalities[name].other_size == "nearest")


def _resampling_notes(modalities: Mapping[str, ModalityFiles]) -> tuple[str, ...]:
    first = next(iter(modalities))
    return tuple(
        f"{name} takes its nearest pixels if its size differs from that of {first}"
        f" (modalities.{name}.other_size = 'nearest')"
        for name in modalities
        if name in _resampled(modalities)
    )


def _mask_reader(description: Description) -> Callable[[Path], Label]:
    labels = description.labels or LabelFiles(files="")
    return partial(read_mask, rules=mask_rules(description, labels))


def _description_file(root: str | None) -> Path:
    if root is None:
        raise DataError(
            "the data set 'folder' needs its description: set data.root to the TOML file, or to"
            f" the folder that contains {DESCRIPTION}"
        )
    path = native(root)
    file = path / DESCRIPTION if path.is_dir() else path
    if not file.is_file():
        raise DataError(_no_description(path, file))
    return file


def _no_description(path: Path, file: Path) -> str:
    if not path.is_dir():
        return f"there is no {file}: give a data set's description, or the folder that holds it"
    command = shell_text(search_command("init", path))
    return f"there is no {file}, which describes the data set: `{command}` writes a first one"


def _files(root: Path, pattern: FilePattern) -> Callable[[str], tuple[Path, ...]]:
    return lambda name: (root / pattern.path(name),)


def _label_file(root: Path, pattern: FilePattern) -> Callable[[str], Path]:
    return lambda name: root / pattern.path(name)


def _palette(description: Description) -> tuple[tuple[int, int, int], ...]:
    if description.palette is not None:
        return rgb_colours(description.palette)
    return tuple(_hue(index) for index in range(len(description.class_names())))


def _hue(index: int) -> tuple[int, int, int]:
    """Neighbours in the list have very different hues, and differ in brightness."""
    golden = (5**0.5 - 1) / 2
    red, green, blue = colorsys.hsv_to_rgb(index * golden % 1, 0.75, (1.0, 0.75, 0.5)[index % 3])
    return round(255 * red), round(255 * green), round(255 * blue)


def _identity(description: Description, modalities: Mapping[str, ModalityFiles]) -> dict[str, Any]:
    return {
        "data set": "folder",
        "version": VERSION,
        "classes": list(description.class_names()),
        "palette": _palette(description),
        "modalities": {
            name: _settings(modality, of=MODALITY_SETTINGS)
            for name, modality in modalities.items()
        },
        "labels": description.labels and _label_settings(description),
    }


def _label_settings(description: Description) -> dict[str, Any]:
    assert description.labels is not None
    settings = _settings(description.labels, of=LABEL_SETTINGS)
    ignored = description.labels.ignored_numbers(len(description.class_names()))
    return settings | {"ignore": ignored}


def _settings(record: ModalityFiles | LabelFiles, of: tuple[str, ...]) -> dict[str, Any]:
    """The settings that are always named, and the others that differ from their default.

    A new setting therefore does not change the features of descriptions that do not use it.
    """
    return {
        field.name: getattr(record, field.name)
        for field in fields(record)
        if field.name != "files"
        and (field.name in of or getattr(record, field.name) != field.default)
    }
