"""Fixtures for tests of the trainer: one thread, small data sets."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.fakes.data_sets.cityscapes import by_city, write_frame
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="package")
def _threads() -> Iterator[None]:
    with threads(int(os.environ.get("UMSS_TEST_THREADS", "1"))):
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread, whatever ``UMSS_TEST_THREADS`` says.

    A packed run equals the run alone only with one thread: several may divide the sums over one
    run and over several runs differently (docs/reliability.md, "Equal bit for bit, and where").
    """
    with threads(1):
        yield


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
