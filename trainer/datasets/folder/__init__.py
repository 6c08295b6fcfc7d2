"""Images of one's own, described by a TOML file beside them; ``docs/data.md`` shows one.

``data.root`` names the file, or the folder in which it is called ``dataset.toml``. Paths in it
are relative to its folder.
"""

import colorsys
import glob
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet, Label, check_modalities
from trainer.datasets.files import FileSource
from trainer.datasets.folder.description import (
    NAME,
    Description,
    LabelFiles,
    ModalityFiles,
    SplitRule,
    read_description,
)
from trainer.datasets.folder.reading import ModalityReader, mask_rules, rgb_colours
from trainer.datasets.gathering import gather
from trainer.datasets.lists import SplitNames, carve_missing, check_apart, itself, read_list
from trainer.datasets.masks import read_mask
from trainer.errors import ConfigError, DataError

__all__ = ["DESCRIPTION", "config_of_description", "open_folder"]

#: The description's name where ``data.root`` is a folder.
DESCRIPTION = "dataset.toml"
VERSION = 1  # of the encodings
#: Settings that the identity of a data set names whatever their value.
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
            " none, its settings stand in the data set's own TOML file"
        )
    file = _description_file(config.root)
    root, description = file.parent, read_description(file)
    check_modalities(config.modalities, offered=tuple(description.modalities), data_set=str(file))
    modalities = {name: description.modalities[name] for name in config.modalities}
    names = _split(root, modalities, description.splits, config.seed)
    labels = description.labels
    found = gather(
        names,
        images={name: _files(root, modality.files) for name, modality in modalities.items()},
        label=None if labels is None else _label_file(root, labels.files),
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
        ),
        root=root,
        identity=_identity(description, modalities),
        notes=(*names.notes, *_resampling_notes(modalities)),
        palette_chosen=description.palette is not None,
        odd_channels={
            name: (0,) for name, modality in modalities.items() if modality.encoding == "angle"
        },
    )


def config_of_description(file: Path) -> DataConfig:
    """The data set that a description describes, with every modality; ``rgb`` first.

    Raises:
        ConfigError: If the description is wrong.
    """
    named = read_description(file).modalities
    modalities = sorted(named, key=lambda name: name != "rgb")  # sorts stably
    return DataConfig(name="folder", root=str(file), modalities=tuple(modalities))


def _resampled(modalities: Mapping[str, ModalityFiles]) -> frozenset[str]:
    """Modalities that are brought to the size of the first one, which keeps its own."""
    _, *others = modalities
    return frozenset(name for name in others if modalities[name].other_size == "nearest")


def _resampling_notes(modalities: Mapping[str, ModalityFiles]) -> tuple[str, ...]:
    first = next(iter(modalities))
    return tuple(
        f"{name} takes its nearest pixels where it is of another size than {first}"
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
            f" the folder that holds {DESCRIPTION}"
        )
    path = Path(root)
    file = path / DESCRIPTION if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"there is no {file}: write the TOML file that describes the data set")
    return file


def _files(root: Path, pattern: str) -> Callable[[str], tuple[Path, ...]]:
    return lambda name: (root / pattern.replace(NAME, name),)


def _label_file(root: Path, pattern: str) -> Callable[[str], Path]:
    return lambda name: root / pattern.replace(NAME, name)


def _split(
    root: Path, modalities: Mapping[str, ModalityFiles], rule: SplitRule, seed: int
) -> SplitNames:
    """Names by list; the rest of what is found is train, of which the shares are carved."""
    lists = {
        name: root / path
        for name in ("train", "val", "test")
        if isinstance(path := getattr(rule, name), str)
    }
    listed = {name: read_list(path) for name, path in lists.items()}
    check_apart({str(lists[name]): names for name, names in listed.items()})
    where = {name: str(path) for name, path in lists.items()}
    if "train" not in listed:
        others = {name for names in listed.values() for name in names}
        listed["train"] = tuple(name for name in _find(root, modalities) if name not in others)
        where["train"] = str(root)
    return carve_missing(
        listed,
        where=where,
        shares={
            name: share
            for name in ("val", "test")
            if isinstance(share := getattr(rule, name), float)
        },
        purpose=("folder", "split", seed),
        group=itself if rule.scene is None else partial(_scene, rule.scene),
    )


def _find(root: Path, modalities: Mapping[str, ModalityFiles]) -> tuple[str, ...]:
    """Names that have a file in any modality."""
    names: set[str] = set()
    for modality, described in modalities.items():
        before, after = described.files.split(NAME)
        found = root.glob(f"{glob.escape(before)}*{glob.escape(after)}")
        # hidden files, which some systems put beside every file they copy, are no images
        paths = [path for path in found if path.is_file() and not path.name.startswith(".")]
        told = [path.relative_to(root).as_posix() for path in paths]
        here = {path[len(before) : len(path) - len(after)] for path in told}
        if not here:
            raise DataError(
                f"{root} has no file {described.files} for the modality {modality!r}: mend"
                " 'files', or add images"
            )
        names |= here
    return tuple(sorted(names))


def _scene(pattern: str, name: str) -> str:
    found = re.search(pattern, name)
    if found is None:
        raise DataError(
            f"splits.scene = {pattern!r} finds no scene in the name {name!r}: mend the expression"
        )
    return found[1] if found.re.groups else found[0]


def _palette(description: Description) -> tuple[tuple[int, int, int], ...]:
    if description.palette is not None:
        return rgb_colours(description.palette)
    return tuple(_hue(index) for index in range(len(description.class_names())))


def _hue(index: int) -> tuple[int, int, int]:
    """Neighbours in the list are far apart on the circle of hues, and differ in brightness."""
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
    """Settings that are always named, and of the others those that are not at their default.

    So a description that says nothing of a setting keeps its features when that is introduced.
    """
    return {
        field.name: getattr(record, field.name)
        for field in fields(record)
        if field.name != "files"
        and (field.name in of or getattr(record, field.name) != field.default)
    }
