from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from trainer.config import BackboneConfig, DataConfig, FeatureConfig, TrainConfig

HEIGHT, WIDTH = 48, 96


def write_frame(root: Path, split: str, city: str, number: int) -> str:
    """One frame in Cityscapes layout, small: RGB, disparity, label. Returns its name."""
    name = f"{city}_{number:06d}_000019"
    rng = np.random.default_rng(number + 1000 * sum(city.encode()))
    arrays = {
        f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png": rng.integers(
            0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8
        ),
        f"disparity/{split}/{city}/{name}_disparity.png": rng.integers(
            0, 30000, (HEIGHT, WIDTH), dtype=np.uint16
        ),
        f"gtFine/{split}/{city}/{name}_gtFine_labelIds.png": rng.integers(
            0, 34, (HEIGHT, WIDTH), dtype=np.uint8
        ),
    }
    for path, array in arrays.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(array).save(root / path)
    return name


@pytest.fixture
def add_frame() -> Callable[[Path, str, str, int], str]:
    """Writes a frame: root, split, city, number; gives its name."""
    return write_frame


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Three cities of two frames, all in train."""
    root = tmp_path / "street"
    for city in ("aachen", "bonn", "köln"):
        for number in range(2):
            write_frame(root, "train", city, number)
    return root


@pytest.fixture
def street_config() -> Callable[..., TrainConfig]:
    """Configuration of a run on a street folder."""

    def build(root: Path, modalities: tuple[str, ...] = ("rgb", "disparity")) -> TrainConfig:
        return TrainConfig(
            data=DataConfig(name="cityscapes", root=str(root), modalities=modalities),
            backbone=BackboneConfig(patch=8),
            features=FeatureConfig(train_resolution=24, eval_resolution=48),
        )

    return build


@pytest.fixture
def rooms_config() -> TrainConfig:
    """A few small rooms."""
    return TrainConfig(
        data=DataConfig(options={"train": 4, "val": 2, "test": 3, "size": 48}),
        features=FeatureConfig(train_resolution=24, eval_resolution=48),
    )
