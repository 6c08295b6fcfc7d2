"""Rooms: synthetic RGB and depth pictures of furnished rooms, generated from a seed.

This data set needs no download. A picture depends only on the seed, the split, its number and the
options. ``ROOMS_VERSION`` is increased with every change of the pictures and is part of the
fingerprint.
"""

import functools
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import build_record
from trainer.datasets.base import DataSet, Image, Label, Source, Split, check_modalities
from trainer.datasets.decoding import read_pixels, read_rgb
from trainer.datasets.rooms.depth import encode_depth
from trainer.datasets.rooms.furnish import draw_scene
from trainer.datasets.rooms.render import Picture, render
from trainer.datasets.rooms.scene import CLASSES, Scene
from trainer.errors import ConfigError, DataError
from trainer.seeds import numpy_generator

__all__ = ["ROOMS_VERSION", "RoomsOptions", "RoomsSource", "open_rooms"]

ROOMS_VERSION = 2

MODALITIES = ("rgb", "depth")


@dataclass(frozen=True, kw_only=True)
class RoomsOptions:
    """The table ``[data.options]``."""

    #: Number of scenes in each split.
    train: int = 120
    val: int = 20
    test: int = 40
    #: Side of a picture, pixels.
    size: int = 160

    def __post_init__(self) -> None:
        for name, least in (("train", 1), ("val", 1), ("test", 1), ("size", 32)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(
                    f"data.options.{name} = {value} is too small: give {least} or more"
                )


@dataclass(frozen=True, kw_only=True)
class RoomsSource(Source):
    """Generates pictures by their name, ``SPLIT-NUMBER``."""

    seed: int
    #: Side of a picture, pixels.
    size: int

    def image(self, name: str, modality: str) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        scene, picture = self.draw(name)
        if modality == "depth":
            return encode_depth(picture.depth, scene.camera)
        return picture.colour.astype(np.float32) / np.float32(255)

    def label(self, name: str) -> Label:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.draw(name)[1].label

    def draw(self, name: str) -> tuple[Scene, Picture]:
        """The scene and what the cameras saw of it."""
        return _draw(self.seed, self.size, name)

    def files(self) -> tuple[Path, ...]:
        """None, because pictures are generated."""
        return ()

    def check(self) -> tuple[str, ...]:
        """Generated pictures cannot be damaged."""
        return ()

    def decode(self, modality: str, *paths: Path) -> Image:
        """A colour image, or a depth image with the same three channels as generated ones.

        A file of depth alone would not do: height and tilt need the camera's pose.
        """
        if modality == "depth" and read_pixels(paths[0]).ndim != 3:
            raise DataError(
                f"{paths[0]} has one channel, but 'rooms' takes depth as three of 8 bits: depth,"
                " height above the floor, and how far surfaces face up"
            )
        return read_rgb(paths[0])


@functools.lru_cache(maxsize=256)  # used once per modality and pass; 0.15 MB each
def _draw(seed: int, size: int, name: str) -> tuple[Scene, Picture]:
    scene = draw_scene(numpy_generator("rooms", seed, name, "scene"))
    picture = render(scene, size=size, rng=numpy_generator("rooms", seed, name, "noise"))
    return scene, picture


def open_rooms(config: DataConfig) -> DataSet:
    """The data set of a seed.

    Raises:
        ConfigError: On an unknown option or modality, or a folder.
    """
    options = build_record(RoomsOptions, config.options, "data.options")
    check_modalities(config.modalities, offered=MODALITIES, data_set=config.name)
    if config.root is not None:
        raise ConfigError(
            f"data.root = {config.root!r} has no use: 'rooms' generates its images; leave it out"
        )
    counts = {"train": options.train, "val": options.val, "test": options.test}
    names = {
        split: tuple(f"{split}-{number:04d}" for number in range(count))
        for split, count in counts.items()
    }
    return DataSet(
        classes=tuple(record.name for record in CLASSES),
        palette=tuple(record.colour for record in CLASSES),
        modalities=config.modalities,
        train=Split(names=names["train"], labelled=True),
        val=Split(names=names["val"], labelled=True),
        test=Split(names=names["test"], labelled=True),
        source=RoomsSource(seed=config.seed, size=options.size),
        root=None,
        identity={
            "data set": "rooms",
            "version": ROOMS_VERSION,
            "seed": config.seed,
            "options": asdict(options),
        },
    )
