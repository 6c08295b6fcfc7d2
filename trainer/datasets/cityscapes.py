"""Cityscapes: street scenes, 27 classes, RGB and stereo disparity (``docs/data.md``).

Official layout under the root::

    leftImg8bit/{train,val}/CITY/*_leftImg8bit.png
    disparity/{train,val}/CITY/*_disparity.png      only for the modality ``disparity``
    gtFine/{train,val}/CITY/*_gtFine_labelIds.png   without the folder: no labels

The official val split, if present, is our test split, because the official test split has no
public labels; val is held out of train by city. Without it, test is held out of train as well.
The seed determines the cities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.base import DataSet, Image, Label, Split, check_modalities
from trainer.datasets.decoding import (
    grey_image,
    label_table,
    read_integers,
    read_label,
    read_rgb,
)
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource, list_files, pair_files
from trainer.datasets.holes import fill_rows
from trainer.datasets.lists import check_share
from trainer.datasets.names import fold
from trainer.datasets.roots import find_root
from trainer.datasets.unused import Unused, find_unused
from trainer.errors import DataError
from trainer.seeds import numpy_generator

__all__ = ["CityscapesOptions", "encode_disparity", "open_cityscapes"]

MODALITIES = ("rgb", "disparity")
SPLITS = ("train", "val")  # folders that are read
VERSION = 1  # of the splits and the encoding

CLASSES = (
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("parking", (250, 170, 160)),
    ("rail track", (230, 150, 140)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("guard rail", (180, 165, 180)),
    ("bridge", (150, 100, 100)),
    ("tunnel", (150, 120, 90)),
    ("pole", (153, 153, 153)),
    ("polegroup", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("caravan", (0, 0, 90)),
    ("trailer", (0, 0, 110)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
)
FIRST_ID = 7  # label id of the first class
#: Stored label ids; those before the first class, and 255, have no class.
LABELS = label_table(
    {
        255: 255,
        **dict.fromkeys(range(FIRST_ID), 255),
        **{FIRST_ID + index: index for index in range(len(CLASSES))},
    }
)

#: Disparity in pixels that is shown as white. Stored disparities are below it, because the
#: official matcher searched 128 pixels.
FULL_DISPARITY = 128.0


@dataclass(frozen=True, kw_only=True)
class CityscapesOptions:
    """The table ``[data.options]``."""

    #: Share of the training cities that is held out for val, and for test if there is no list.
    held_out_share: float = 0.15

    def __post_init__(self) -> None:
        check_share("data.options.held_out_share", self.held_out_share)


def open_cityscapes(config: DataConfig) -> DataSet:
    """Find the frames and split them.

    Raises:
        ConfigError: On an unknown option or modality.
        DataError: If folders or files are missing, or there are too few cities.
    """
    options = build_record(CityscapesOptions, config.options, "data.options")
    check_modalities(config.modalities, offered=MODALITIES, data_set=config.name)
    root = find_root(config, holds="leftImg8bit")
    tree = FileTree(root)
    images, labels, faults = _find(tree, config.modalities)
    train, val, test = _split(images[config.modalities[0]], options, config.seed, root)
    labelled = bool(labels)
    unused = _unused(tree, images, labels)
    return DataSet(
        classes=tuple(name for name, _ in CLASSES),
        palette=tuple(colour for _, colour in CLASSES),
        modalities=config.modalities,
        train=Split(names=train, labelled=labelled),
        val=Split(names=val, labelled=labelled),
        test=Split(names=test, labelled=labelled),
        source=FileSource(
            images=images,
            labels=labels,
            read_image={"rgb": read_rgb, "disparity": _read_disparity},
            read_label=_read_label,
            read_holes={"disparity": _unmatched},
            affixes={
                modality: ("", Path(ending).stem) for modality, (_, ending) in FOLDERS.items()
            },
        ),
        root=root,
        identity={"data set": "cityscapes", "version": VERSION},
        notes=(*_notes(train, val, test, images[config.modalities[0]]), *unused.unlisted),
        unused=unused.unmatched,
        faults=faults,
    )


FOLDERS = {
    "rgb": ("leftImg8bit", "_leftImg8bit.png"),
    "disparity": ("disparity", "_disparity.png"),
}
LABEL_FOLDER, LABEL_SUFFIX = "gtFine", "_gtFine_labelIds.png"
#: Additional files of the official archive for each frame.
COMPANIONS = ("_gtFine_color.png", "_gtFine_instanceIds.png", "_gtFine_polygons.json")


def _find(
    tree: FileTree, modalities: tuple[str, ...]
) -> tuple[dict[str, dict[str, Path]], dict[str, Path], tuple[str, ...]]:
    """Files by modality and name, label files by name, and a line per missing file."""
    root = tree.root
    images = {modality: _frames(tree, *FOLDERS[modality]) for modality in modalities}
    for modality, frames in images.items():
        if not frames:
            folder, suffix = FOLDERS[modality]
            raise DataError(
                f"{root / folder} has no file train/CITY/*{suffix}: give the data set's root"
                " folder in the official layout"
            )
    has_labels = (root / LABEL_FOLDER).is_dir()
    labels = _frames(tree, LABEL_FOLDER, LABEL_SUFFIX) if has_labels else {}
    if has_labels and not labels:
        raise DataError(
            f"{root / LABEL_FOLDER} has no file train/CITY/*{LABEL_SUFFIX}: add the labels or"
            " remove the folder"
        )
    complete, faults = pair_files(images, labels)
    kept = [
        {name: path for name, path in files.items() if name in complete}
        for files in (*images.values(), labels)
    ]
    return dict(zip(images, kept, strict=False)), kept[-1], faults


def _frames(tree: FileTree, folder: str, suffix: str) -> dict[str, Path]:
    frames = list_files(tree, tree.root / folder / "train", suffix=suffix)
    val = tree.root / folder / "val"
    return frames | (list_files(tree, val, suffix=suffix) if tree.folder(val) else {})


def _unused(
    tree: FileTree, images: Mapping[str, Mapping[str, Path]], labels: Mapping[str, Path]
) -> Unused:
    """Files that are not part of the layout; incomplete frames are already listed as faults."""
    read = [FOLDERS[modality] for modality in images]
    read += [(LABEL_FOLDER, LABEL_SUFFIX)] if labels else []
    folders = {tree.root / folder / split: ending for folder, ending in read for split in SPLITS}

    def known(path: Path) -> bool:
        ending = folders.get(path.parent.parent)
        return fold(path.name).endswith((*COMPANIONS, *((ending,) if ending else ())))

    return find_unused(
        tree,
        {*labels.values(), *(path for by_name in images.values() for path in by_name.values())},
        folders=folders,
        matches=lambda path: False,
        leave=known,
    )


def _split(
    frames: Mapping[str, Path], options: CityscapesOptions, seed: int, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of train, val and test."""
    cities: dict[str, list[str]] = {}
    official_val = []
    for name, path in frames.items():
        if path.parent.parent.name == "val":
            official_val.append(name)
        else:
            cities.setdefault(path.parent.name, []).append(name)
    needed = 2 if official_val else 3
    if len(cities) < needed:
        raise DataError(
            f"{root} has training frames of {len(cities)} cities: splits are made by city,"
            f" which takes at least {needed}"
        )
    order = sorted(cities)
    numpy_generator("cityscapes", "split", seed).shuffle(order)
    held_out = max(1, round(options.held_out_share * len(cities)))
    val, rest = order[:held_out], order[held_out:]
    if official_val:
        return _names(cities, rest), _names(cities, val), tuple(official_val)
    test, rest = rest[:held_out], rest[held_out:]
    return _names(cities, rest), _names(cities, val), _names(cities, test)


def _notes(
    train: tuple[str, ...], val: tuple[str, ...], test: tuple[str, ...], frames: Mapping[str, Path]
) -> tuple[str, ...]:
    """The number of frames in each split that is held out of train."""
    official = any(frames[name].parent.parent.name == "val" for name in test)
    carved = {"val": val} if official else {"val": val, "test": test}
    every = len(train) + sum(map(len, carved.values()))
    return tuple(
        f"{name} is held out of train by city, chosen by data.seed: {len(held)} of {every}"
        " training frames"
        for name, held in carved.items()
    )


def _names(cities: Mapping[str, list[str]], chosen: list[str]) -> tuple[str, ...]:
    return tuple(name for city in sorted(chosen) for name in cities[city])


def _read_label(path: Path) -> Label:
    return read_label(path, LABELS)


def _read_disparity(path: Path) -> Image:
    return encode_disparity(read_integers(path, channels=1, bits=(16,)).astype(np.uint16))


def _unmatched(path: Path) -> NDArray[np.bool_]:
    """Pixels without a match."""
    return np.equal(read_integers(path, channels=1, bits=(16,)), 0)


def encode_disparity(stored: NDArray[np.uint16]) -> Image:
    """Disparity as a grey image in three channels, in which 128 pixels are white.

    All images share one scale, so that a grey value has the same meaning in metres everywhere.
    Pixels without a match (stored 0) take the smaller of the nearest disparities to the left and
    right in their row, because most of them are background that only one camera sees. Rows
    without any match take the values of the nearest row above, or else below, that has one.

    Args:
        stored: 256 times the disparity in pixels, plus 1; 0 for no match; shape (h, w).

    Returns:
        Image with shape (h, w, 3), from 0 (far) to 1 (near).
    """
    disparity = (np.maximum(stored, 1).astype(np.float32) - 1) / np.float32(256)
    filled = fill_rows(disparity, stored > 0)
    return grey_image(np.minimum(filled / FULL_DISPARITY, 1).astype(np.float32))
