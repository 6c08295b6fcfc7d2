"""Each published setting of the features has its effect, and no other."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from trainer.backbones.patch_stats import PatchStats
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import open_dataset
from trainer.datasets.crops import jpeg_round_trip, square_image
from trainer.features import DatasetFeatures, prepare
from trainer.features.extraction import Extraction, SquareRule
from trainer.features.knn import drop_channels
from trainer.features.prepare import ADDED_LATER, _feature_settings
from trainer.seeds import numpy_generator


@pytest.fixture
def entries(rooms_config: TrainConfig, tmp_path: Path) -> Any:
    """The cache entry with default settings, and one with changed settings."""

    def build(**changes: Any) -> tuple[DatasetFeatures, DatasetFeatures]:
        rooms = dataclasses.replace(
            rooms_config.features, train_resolution=32, eval_resolution=40, neighbours=8
        )
        first, other = (
            prepare(dataclasses.replace(rooms_config, features=features), cache=tmp_path)
            for features in (rooms, dataclasses.replace(rooms, **changes))
        )
        return first, other

    return build


def same_images(first: DatasetFeatures, other: DatasetFeatures, split: str) -> bool:
    one, two = getattr(first, split), getattr(other, split)
    return all(np.array_equal(one.features[name], two.features[name]) for name in one.features)


def test_jpeg_is_the_file_that_the_released_crops_are(tmp_path: Path) -> None:
    levels = numpy_generator(0, "levels").integers(0, 256, (48, 63, 3), dtype=np.uint8)
    PIL.Image.fromarray(levels).save(tmp_path / "0.jpg", quality=75, subsampling="4:2:0")
    stored = np.asarray(PIL.Image.open(tmp_path / "0.jpg"))

    result = jpeg_round_trip(levels.astype(np.float32) / np.float32(255))

    assert result.dtype == np.float32
    assert np.array_equal(np.rint(result * 255), stored)
    assert not np.array_equal(stored, levels)


def test_jpeg_mixes_colours_of_neighbours_and_keeps_grey_steps() -> None:
    stripes = np.zeros((16, 16, 3), dtype=np.float32)
    stripes[:, ::2, 0] = stripes[:, 1::2, 1] = 1
    assert np.abs(jpeg_round_trip(stripes) - stripes).max() > 0.3  # chroma has half the columns
    grey = np.full((16, 16, 3), 100 / 255, dtype=np.float32)
    np.testing.assert_allclose(jpeg_round_trip(grey), grey, atol=1.1 / 255)


def test_crops_are_cut_then_stored_then_resized() -> None:
    image = numpy_generator(0, "image").random((48, 60, 3), dtype=np.float32)
    rule = SquareRule(crop="five", side=16, storage="jpeg75")

    squares = rule.images(image, "nearest")

    cut = jpeg_round_trip(np.ascontiguousarray(image[24:, 30:]))  # bottom right
    assert np.array_equal(squares[3], square_image(cut, side=16, resize="nearest"))


def test_stored_crops_change_train_images_of_every_modality_only(entries: Any) -> None:
    first, other = entries(crop_storage="jpeg75")
    for modality in first.modalities:
        assert not np.array_equal(first.train.features[modality], other.train.features[modality])
    for split in ("train", "val", "test"):
        assert np.array_equal(getattr(first, split).labels, getattr(other, split).labels)


def test_images_that_are_scored_are_as_they_are() -> None:
    extraction = Extraction(
        data_set=open_dataset(DataConfig()),
        backbone=PatchStats(),
        config=FeatureConfig(crop_storage="jpeg75"),
        device=torch.device("cpu"),
        progress=lambda what, done, total: None,
    )
    stored = {name: rule.storage for name, (_, rule) in extraction.splits().items()}
    assert stored == {"train": "jpeg75", "val": "lossless", "test": "lossless"}


def test_noisy_neighbours_change_only_neighbours(entries: Any) -> None:
    first, other = entries(neighbour_dropout=0.1)
    for split in ("train", "val", "test"):
        assert same_images(first, other, split)
        assert np.array_equal(getattr(first, split).labels, getattr(other, split).labels)
    ours, theirs = first.train.neighbours, other.train.neighbours
    assert ours.shape == theirs.shape and not np.array_equal(ours, theirs)
    assert not (theirs == np.arange(len(theirs))[:, None]).any()
    shared = np.mean([len(set(one) & set(two)) / 8 for one, two in zip(ours, theirs, strict=True)])
    assert 0.5 < shared < 1


def test_dropped_channels_are_whole_and_keep_the_mean() -> None:
    means = np.ones((500, 40), dtype=np.float32)
    dropped = drop_channels(means, 0.1, numpy_generator("test"))
    assert dropped.dtype == np.float32
    assert sorted(np.unique(dropped)) == [0, pytest.approx(1 / 0.9)]
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert len({tuple(row) for row in dropped}) > 450, "each crop has a mask of its own"


def test_nearest_changes_images_but_no_labels(entries: Any) -> None:
    first, other = entries(resize="nearest")
    for split in ("train", "val", "test"):
        assert not same_images(first, other, split)
        assert np.array_equal(getattr(first, split).labels, getattr(other, split).labels)


def test_settings_added_later_keep_older_entries_valid() -> None:
    default = FeatureConfig()
    assert not _feature_settings(default).keys() & set(ADDED_LATER)
    added_later: dict[str, Any] = {"crop_storage": "jpeg75", "neighbour_dropout": 0.1}
    for name, value in added_later.items():
        changed = dataclasses.replace(default, **{name: value})
        assert _feature_settings(changed) == {**_feature_settings(default), name: value}
