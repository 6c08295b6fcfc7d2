"""Small copies of Cityscapes."""

import shutil
from pathlib import Path

import numpy as np

from tests.fakes.data_sets.pictures import link, save
from trainer.config.configuration import DataConfig

HEIGHT, WIDTH = 48, 96
CITIES = ("aachen", "bonn", "köln")


def write_frame(root: Path, split: str, city: str, number: int) -> str:
    """One frame in the official layout: RGB, disparity, label. Returns its name."""
    name = f"{city}_{number:06d}_000019"
    rng = np.random.default_rng(number + 1000 * sum(city.encode()))
    size = (HEIGHT, WIDTH)
    save(
        root / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png",
        rng.integers(0, 256, (*size, 3), dtype=np.uint8),
    )
    save(
        root / f"disparity/{split}/{city}/{name}_disparity.png",
        rng.integers(0, 30000, size, dtype=np.uint16),
    )
    save(
        root / f"gtFine/{split}/{city}/{name}_gtFine_labelIds.png",
        rng.integers(0, 34, size, dtype=np.uint8),
    )
    return name


def by_city(root: Path) -> DataConfig:
    """Three cities of two frames, all in train."""
    for city in CITIES:
        for number in range(2):
            write_frame(root, "train", city, number)
    return DataConfig(name="cityscapes", root=str(root), modalities=("rgb", "disparity"))


def official_val(root: Path) -> DataConfig:
    """The official val split is there as well."""
    write_frame(root, "val", "ulm", 0)
    return by_city(root)


def without_labels(root: Path) -> DataConfig:
    """Images alone."""
    config = by_city(root)
    shutil.rmtree(root / "gtFine")
    return config


LAYOUTS = {"by city": by_city, "official val": official_val, "no labels": without_labels}


def sample(data: Path, root: Path) -> DataConfig:
    """One real frame per city, without the disparity, which has its own test."""
    original = data / "cityscapes"
    for city in sorted((original / "leftImg8bit/train").iterdir()):
        frame = min(city.iterdir()).name.removesuffix("_leftImg8bit.png")
        for kind in ("leftImg8bit", "gtFine_labelIds"):
            path = f"{kind.partition('_')[0]}/train/{city.name}/{frame}_{kind}.png"
            link(root / path, original / path)
    return DataConfig(name="cityscapes", root=str(root), modalities=("rgb",))
