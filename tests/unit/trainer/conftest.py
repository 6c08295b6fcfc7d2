"""Fixtures for tests of the trainer: one thread, small data sets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.fakes.data_sets.cityscapes import by_city, write_frame
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def add_frame() -> Callable[[Path, str, str, int], str]:
    """Writes a frame: root, split, city, number; gives its name."""
    return write_frame


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Three cities of two frames, all in train."""
    root = tmp_path / "street"
    by_city(root)
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
