"""Features of a modality are computed once for all combinations."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.data_sets import MAKERS
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.features import DatasetFeatures, prepare
from trainer.features.inventory import list_entries, remove_entry

FEATURES = FeatureConfig(train_resolution=16, eval_resolution=16, neighbours=7)


class Computed:
    """The features that a progress display names."""

    def __init__(self) -> None:
        self.what: set[str] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        """See the module."""
        self.what.add(what)


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    """Rgb, and a thermal image that is stored apart."""
    data: DataConfig = MAKERS["folder"].LAYOUTS["lists"](tmp_path / "images")
    return TrainConfig(
        data=dataclasses.replace(data, modalities=("rgb", "thermal")),
        backbone=BackboneConfig(name="patch-stats", patch=8),
        features=FEATURES,
    )


def of(config: TrainConfig, *modalities: str) -> TrainConfig:
    """The same run with other modalities."""
    return dataclasses.replace(
        config, data=dataclasses.replace(config.data, modalities=modalities)
    )


def inode(made: DatasetFeatures, array: str) -> int:
    """Device and inode of an array's file."""
    assert made.folder is not None
    return (made.folder / f"{array}.npy").stat().st_ino


def test_fewer_modalities_take_the_arrays_that_are_there(
    config: TrainConfig, tmp_path: Path
) -> None:
    both = prepare(config, cache=tmp_path / "cache")
    computed = Computed()

    alone = prepare(of(config, "rgb"), cache=tmp_path / "cache", progress=computed)

    assert not any(what.startswith(("statistics", "features")) for what in computed.what)
    assert "labels of train" in computed.what
    for array in ("train.rgb", "val.rgb", "test.rgb", "standard.rgb"):
        assert inode(alone, array) == inode(both, array)


def test_a_modality_more_is_computed_and_the_others_are_not(
    config: TrainConfig, tmp_path: Path
) -> None:
    alone = prepare(of(config, "thermal"), cache=tmp_path / "cache")
    computed = Computed()

    both = prepare(config, cache=tmp_path / "cache", progress=computed)

    assert "statistics of rgb" in computed.what
    assert "statistics of thermal" not in computed.what
    assert inode(both, "train.thermal") == inode(alone, "train.thermal")
    fresh = prepare(config, cache=tmp_path / "other")
    for name, features in both.train.features.items():
        np.testing.assert_array_equal(features, fresh.train.features[name])


@pytest.mark.parametrize(
    "features",
    [
        dataclasses.replace(FEATURES, train_resolution=24),
        dataclasses.replace(FEATURES, crop="none"),
        dataclasses.replace(FEATURES, dtype="float32"),
    ],
)
def test_features_that_are_made_otherwise_are_not_taken(
    features: FeatureConfig, config: TrainConfig, tmp_path: Path
) -> None:
    both = prepare(config, cache=tmp_path / "cache")
    other = dataclasses.replace(of(config, "rgb"), features=features)

    made = prepare(other, cache=tmp_path / "cache")

    assert inode(made, "train.rgb") != inode(both, "train.rgb")


def test_other_neighbours_take_all_features(config: TrainConfig, tmp_path: Path) -> None:
    both = prepare(config, cache=tmp_path / "cache")
    more = dataclasses.replace(config, features=dataclasses.replace(FEATURES, neighbours=8))

    made = prepare(more, cache=tmp_path / "cache")

    assert made.folder != both.folder
    assert inode(made, "val.thermal") == inode(both, "val.thermal")


def test_an_image_that_changed_is_computed_again(config: TrainConfig, tmp_path: Path) -> None:
    both = prepare(config, cache=tmp_path / "cache")
    images = sorted((tmp_path / "images/colour").iterdir())
    images[0].write_bytes(images[1].read_bytes())

    made = prepare(of(config, "rgb"), cache=tmp_path / "cache")

    assert inode(made, "train.rgb") != inode(both, "train.rgb")


def test_a_damaged_array_is_not_taken(config: TrainConfig, tmp_path: Path) -> None:
    both = prepare(config, cache=tmp_path / "cache")
    assert both.folder is not None
    file = both.folder / "train.rgb.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))

    made = prepare(of(config, "rgb"), cache=tmp_path / "cache")

    assert inode(made, "train.rgb") != inode(both, "train.rgb")
    assert inode(made, "val.rgb") == inode(both, "val.rgb")


def test_an_entry_outlives_the_one_that_it_took_from(config: TrainConfig, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    prepare(config, cache=cache)
    alone = prepare(of(config, "rgb"), cache=cache)
    before = np.array(alone.train.features["rgb"])
    (whole,) = (entry for entry in list_entries(cache) if entry.folder != alone.folder)

    freed = remove_entry(whole)

    assert freed is not None and 0 < freed < whole.size
    again = prepare(of(config, "rgb"), cache=cache)
    np.testing.assert_array_equal(again.train.features["rgb"], before)
