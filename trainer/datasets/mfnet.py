"""MFNet: street scenes by day and night, 8 classes, RGB and thermal (``docs/data.md``).

Layout under the root, as published by the data set's authors and in the UniM2 archive::

    images/NAME.png      RGBA, 8 bits: the fourth channel is the thermal image
    labels/NAME.png      0 unlabelled, 1 to 8 classes; without the folder: no labels
    train.txt            names, one per line
    val.txt, test.txt    a missing one is held out of train, chosen by the seed

A name that ends in ``_flip`` is the mirror image of the name without it, unless a file with that
exact name exists. Both count as one image when a split is held out.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.base import DataSet, Image, Label, check_modalities
from trainer.datasets.decoding import (
    grey_image,
    label_table,
    read_integers,
    read_label,
    read_pixels,
    read_rgb,
    unit_range,
)
from trainer.datasets.file_tree import FileTree
from trainer.datasets.files import FileSource
from trainer.datasets.gathering import gather
from trainer.datasets.lists import HeldOutOptions, read_splits
from trainer.datasets.roots import find_root

__all__ = ["MFNetOptions", "open_mfnet"]

MODALITIES = ("rgb", "thermal")
VERSION = 1  # of the encoding

CLASSES = (
    ("car", (64, 0, 128)),
    ("person", (64, 64, 0)),
    ("bike", (0, 128, 192)),
    ("curve", (0, 0, 192)),
    ("car stop", (128, 128, 0)),
    ("guardrail", (64, 64, 128)),
    ("color cone", (192, 128, 128)),
    ("bump", (192, 64, 0)),
)
#: Stored 0 is unlabelled, 1 to 8 are the classes.
LABELS = label_table({0: 255, **{index + 1: index for index in range(len(CLASSES))}})

FLIP = "_flip"


@dataclass(frozen=True, kw_only=True)
class MFNetOptions(HeldOutOptions):
    """The table ``[data.options]``."""


def open_mfnet(config: DataConfig) -> DataSet:
    """Find the listed images and split them.

    Raises:
        ConfigError: On an unknown option or modality.
        DataError: If the root or ``train.txt`` is missing, or a list is damaged.
    """
    options = build_record(MFNetOptions, config.options, "data.options")
    check_modalities(config.modalities, offered=MODALITIES, data_set=config.name)
    root = find_root(config, holds="images/ and train.txt")
    names = read_splits(
        root,
        val=options.val,
        share=options.held_out_share,
        purpose=("mfnet", "split", config.seed),
        same=_original,
        group=_original,
    )
    every = {*names.train, *names.val, *names.test}
    tree = FileTree(root)
    mirrored = frozenset(name for name in every if _is_mirrored(tree, name))

    def file(folder: str, name: str) -> Path:
        return root / folder / f"{_original(name) if name in mirrored else name}.png"

    found = gather(
        names,
        tree=tree,
        images=dict.fromkeys(config.modalities, lambda name: (file("images", name),)),
        label=lambda name: file("labels", name),
    )
    return found.data_set(
        config,
        classes=CLASSES,
        source=FileSource(
            images=found.images,
            labels=found.labels,
            read_image={"rgb": _read_rgb, "thermal": _read_thermal},
            read_label=_read_label,
            read_stored={"rgb": _stored_rgb, "thermal": _stored_thermal},
            read_own={"rgb": _own_rgb, "thermal": _own_thermal},
            mirrored=mirrored,
        ),
        root=root,
        identity={"data set": "mfnet", "version": VERSION},
        notes=names.notes,
    )


def _original(name: str) -> str:
    return name.removesuffix(FLIP)


def _is_mirrored(tree: FileTree, name: str) -> bool:
    return name.endswith(FLIP) and tree.find(tree.root / "images" / f"{name}.png") is None


def _stored_rgb(path: Path) -> NDArray[np.uint8 | np.uint16]:
    return read_integers(path, channels=4)[:, :, :3]


def _stored_thermal(path: Path) -> NDArray[np.uint8 | np.uint16]:
    return read_integers(path, channels=4)[:, :, 3]


def _read_rgb(path: Path) -> Image:
    return unit_range(_stored_rgb(path))


def _read_thermal(path: Path) -> Image:
    return grey_image(unit_range(_stored_thermal(path)))


def _own_rgb(path: Path) -> Image:
    """A plain photograph, or one that is packed like those of the data set."""
    return _read_rgb(path) if _is_packed(path) else read_rgb(path)


def _own_thermal(path: Path) -> Image:
    """A grey image of 8 or 16 bits, or the fourth channel of a packed one."""
    if _is_packed(path):
        return _read_thermal(path)
    return grey_image(unit_range(read_integers(path, channels=1, bits=(8, 16))))


def _is_packed(path: Path) -> bool:
    return read_pixels(path).shape[2:] == (4,)


def _read_label(path: Path) -> Label:
    return read_label(path, LABELS)
