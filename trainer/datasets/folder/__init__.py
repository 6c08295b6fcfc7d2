"""Images of one's own, described by a TOML file beside them; ``docs/data.md`` shows one.

``data.root`` names the file, or the folder in which it is called ``dataset.toml``. Paths in it
are relative to its folder.
"""

import colorsys
import glob
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig
from trainer.datasets.angles import angle_image
from trainer.datasets.base import DataSet, Image, check_modalities
from trainer.datasets.decoding import (
    ARRAY,
    grey_image,
    label_table,
    read_array,
    read_integers,
    read_label,
    unit_range,
)
from trainer.datasets.files import FileSource
from trainer.datasets.folder.description import (
    NAME,
    Description,
    LabelFiles,
    ModalityFiles,
    SplitRule,
    read_description,
)
from trainer.datasets.gathering import gather
from trainer.datasets.lists import SplitNames, carve_missing, check_apart, itself, read_list
from trainer.errors import ConfigError, DataError

__all__ = ["DESCRIPTION", "open_folder", "reader_of"]

#: The description's name where ``data.root`` is a folder.
DESCRIPTION = "dataset.toml"
VERSION = 1  # of the encodings


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
    classes = description.class_names()
    return found.data_set(
        config,
        classes=zip(classes, _palette(description), strict=True),
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image={name: reader_of(modality) for name, modality in modalities.items()},
            read_label=partial(read_label, table=_label_table(labels, len(classes))),
        ),
        root=root,
        identity=_identity(description, modalities),
        notes=names.notes,
        odd_channels={
            name: (0,) for name, modality in modalities.items() if modality.encoding == "angle"
        },
    )


def reader_of(modality: ModalityFiles) -> Callable[[Path], Image]:
    """What reads a file of a modality as it is described."""
    if modality.encoding == "colour":
        return lambda path: unit_range(read_integers(path, channels=3, bits=(modality.bits,)))
    if modality.encoding == "grey":
        low, high = modality.range or (0, 2**modality.bits - 1)
        return lambda path: grey_image(((_plane(path, modality) - low) / (high - low)).clip(0, 1))
    turn = 2 * np.pi / (modality.period or 1)

    def read_angle(path: Path) -> Image:
        radians = _plane(path, modality) * np.float32(turn)
        return angle_image(np.sin(radians), np.cos(radians))

    return read_angle


def _plane(path: Path, modality: ModalityFiles) -> NDArray[np.float32]:
    if path.suffix == ARRAY:
        return read_array(path)
    return read_integers(path, channels=1, bits=(modality.bits,)).astype(np.float32)


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


def _label_table(labels: LabelFiles | None, classes: int) -> NDArray[np.int16]:
    if labels is None:
        return label_table({})
    known = {labels.first + index: index for index in range(classes)}
    return label_table({**known, **dict.fromkeys(labels.ignore, 255)})


def _palette(description: Description) -> tuple[tuple[int, int, int], ...]:
    if description.palette is not None:
        return tuple((red, green, blue) for red, green, blue in description.palette)
    return tuple(_hue(index) for index in range(len(description.class_names())))


def _hue(index: int) -> tuple[int, int, int]:
    """Neighbours in the list are far apart on the circle of hues, and differ in brightness."""
    golden = (5**0.5 - 1) / 2
    red, green, blue = colorsys.hsv_to_rgb(index * golden % 1, 0.75, (1.0, 0.75, 0.5)[index % 3])
    return round(255 * red), round(255 * green), round(255 * blue)


def _identity(description: Description, modalities: Mapping[str, ModalityFiles]) -> dict[str, Any]:
    labels = description.labels
    return {
        "data set": "folder",
        "version": VERSION,
        "classes": list(description.class_names()),
        "palette": _palette(description),
        "modalities": {
            name: {key: value for key, value in asdict(modality).items() if key != "files"}
            for name, modality in modalities.items()
        },
        "labels": labels and {"first": labels.first, "ignore": labels.ignore},
    }
