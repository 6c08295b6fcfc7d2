"""What holds for every data set of the table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainer.config import DataConfig
from trainer.datasets import DATASETS, DataSet, open_dataset
from trainer.errors import ConfigError, TrainerError


@pytest.fixture(params=sorted(DATASETS))
def config(request: pytest.FixtureRequest, street: Path) -> DataConfig:
    """A small instance of each; a new data set needs a line here."""
    small = {
        "cityscapes": DataConfig(
            name="cityscapes", root=str(street), modalities=("rgb", "disparity")
        ),
        "rooms": DataConfig(
            name="rooms",
            modalities=("rgb", "depth"),
            options={"train": 2, "val": 2, "test": 2, "size": 32},
        ),
    }
    return small[request.param]


@pytest.fixture
def data_set(config: DataConfig) -> DataSet:
    return open_dataset(config)


def test_splits_share_no_image(data_set: DataSet) -> None:
    names = [*data_set.train.names, *data_set.val.names, *data_set.test.names]

    assert len(set(names)) == len(names) >= 3


def test_images_of_all_modalities_have_the_labels_size(data_set: DataSet) -> None:
    for split in (data_set.train, data_set.val, data_set.test):
        label = data_set.source.label(split.names[0])
        assert label.dtype == np.uint8
        assert set(np.unique(label)) <= {*range(len(data_set.classes)), 255}
        for modality in data_set.modalities:
            image = data_set.source.image(split.names[0], modality)
            assert image.shape == (*label.shape, 3)
            assert image.dtype == np.float32
            assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1


def test_names_are_distinct_and_colours_are_colours(data_set: DataSet) -> None:
    assert len(set(data_set.classes)) == len(data_set.classes)
    assert all(0 <= part <= 255 for colour in data_set.palette for part in colour)


def test_opening_again_gives_the_same(config: DataConfig, data_set: DataSet) -> None:
    again = open_dataset(config)

    assert (again.train, again.val, again.test) == (data_set.train, data_set.val, data_set.test)
    assert again.identity == data_set.identity


def test_an_unknown_modality_is_told_with_the_known_ones(config: DataConfig) -> None:
    asked = DataConfig(
        name=config.name, root=config.root, modalities=("rgb", "sonar"), options=config.options
    )

    with pytest.raises(ConfigError, match=r"'sonar'.*choose from rgb, "):
        open_dataset(asked)


def test_an_unknown_option_is_told(config: DataConfig) -> None:
    asked = DataConfig(name=config.name, root=config.root, options={"colour": "blue"})

    with pytest.raises(ConfigError, match=r"'colour' in table \[data.options\]"):
        open_dataset(asked)


def test_an_unknown_data_set_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="choose one of cityscapes, rooms"):
        open_dataset(DataConfig(name="kitchens"))


def test_the_functions_of_the_table_do_what_is_documented(
    data_set: DataSet, config: DataConfig
) -> None:
    opener: Callable[[DataConfig], DataSet] = DATASETS[config.name]

    assert opener(config).modalities == config.modalities
    try:
        data_set.source.check()
    except TrainerError as error:
        pytest.fail(f"a sound data set was refused: {error}")


@pytest.mark.parametrize("modalities", [("depth", "rgb"), ("a", "b", "rgb")])
def test_rgb_is_named_first(modalities: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="rgb is the anchor, name it first"):
        DataConfig(modalities=modalities)
    assert DataConfig(modalities=("depth", "nir")).modalities[0] == "depth"
