"""The real frames, if the variable UMSS_DATA names their folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import open_dataset
from trainer.features import prepare, validate
from trainer.predict import FileRules, find_images

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere")) / "cityscapes"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig(
        data=DataConfig(name="cityscapes", root=str(DATA), modalities=("rgb", "disparity")),
        features=FeatureConfig(train_resolution=112, eval_resolution=160),
    )


def test_the_sample_is_sound_and_split_by_city(config: TrainConfig) -> None:
    validate(config)
    data_set = open_dataset(config.data)

    assert [len(split) for split in (data_set.train, data_set.val, data_set.test)] == [4, 4, 4]
    assert data_set.train.labelled


def test_disparity_is_nearer_below_and_farthest_in_the_sky(config: TrainConfig) -> None:
    data_set = open_dataset(config.data)
    name = data_set.train.names[0]

    disparity = data_set.source.image(name, "disparity")[:, :, 0]
    label = data_set.source.label(name)

    road, sky = data_set.classes.index("road"), data_set.classes.index("sky")
    assert np.median(disparity[label == road]) > 0.2
    assert np.median(disparity[label == sky]) < 0.02
    assert disparity[700, 600:1400].mean() > disparity[500, 600:1400].mean()


def test_its_features_are_cached(config: TrainConfig, tmp_path: Path) -> None:
    dataset_features = prepare(config, cache=tmp_path)

    assert (
        len(dataset_features.train) == 20
        and len(dataset_features.val) == len(dataset_features.test) == 4
    )
    assert dataset_features.train.features["disparity"].shape == (
        20,
        14,
        14,
        dataset_features.channels,
    )
    assert dataset_features.val.features["rgb"].shape == (4, 20, 20, dataset_features.channels)
    assert dataset_features.train.labels is not None
    labels = np.unique(dataset_features.train.labels)
    assert 0 in labels and 255 in labels and set(labels) <= {*range(27), 255}
    for features in dataset_features.train.features.values():
        assert np.isfinite(features).all()
        assert 0.5 < np.asarray(features, dtype=np.float64).std() < 1.5


def test_own_images_may_be_named_like_the_frames(config: TrainConfig) -> None:
    data_set = open_dataset(config.data)
    city = min((DATA / "leftImg8bit/train").iterdir()).name
    frames, disparities = (DATA / kind / "train" / city for kind in ("leftImg8bit", "disparity"))

    own = find_images(
        [frames],
        modalities=data_set.modalities,
        folders={"disparity": (disparities,)},
        rules=FileRules.of(data_set.source, data_set.modalities),
    )

    assert len(own) == 4
    first = own[0]
    name = first.stem.removesuffix("_leftImg8bit")
    assert np.array_equal(
        data_set.source.decode("disparity", *first.files["disparity"]),
        data_set.source.image(name, "disparity"),
    )
