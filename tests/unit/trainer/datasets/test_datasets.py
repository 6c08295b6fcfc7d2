"""The table of data sets; the contract suite tests each of them."""

import pytest

from trainer.config.configuration import DataConfig
from trainer.datasets import DATASETS, open_dataset
from trainer.errors import ConfigError


def test_an_unknown_data_set_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigError, match=f"choose one of {', '.join(DATASETS)}"):
        open_dataset(DataConfig(name="kitchens"))


@pytest.mark.parametrize("modalities", [("depth", "rgb"), ("a", "b", "rgb")])
def test_rgb_is_named_first(modalities: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="has rgb after another modality: name rgb first"):
        DataConfig(modalities=modalities)
    assert DataConfig(modalities=("depth", "nir")).modalities[0] == "depth"
