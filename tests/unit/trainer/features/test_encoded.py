"""HHA is computed once for all backbones."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.data_sets import MAKERS
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.features import prepare
from trainer.features.dataset_summary import dataset_summary
from trainer.features.inventory import list_entries


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    """A data set whose depth becomes HHA."""
    data: DataConfig = MAKERS["nyu"].LAYOUTS["metres"](tmp_path / "nyu")
    return TrainConfig(
        data=data,
        backbone=BackboneConfig(name="patch-stats", patch=8),
        features=FeatureConfig(train_resolution=16, eval_resolution=16, neighbours=7),
    )


def other_backbone(config: TrainConfig) -> TrainConfig:
    """The same run with other features."""
    return dataclasses.replace(config, backbone=BackboneConfig(name="patch-stats", patch=4))


def refuse(metres: object, camera: object) -> None:
    """Computes nothing."""
    pytest.fail("HHA was computed again")


def test_a_second_backbone_computes_no_hha(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(config, cache=tmp_path / "cache")
    fresh = prepare(other_backbone(config), cache=tmp_path / "fresh")
    monkeypatch.setattr("trainer.datasets.nyu.depth.encode_hha", refuse)

    second = prepare(other_backbone(config), cache=tmp_path / "cache")

    for split in ("train", "val", "test"):
        made, wanted = getattr(second, split), getattr(fresh, split)
        np.testing.assert_array_equal(made.features["depth"], wanted.features["depth"])


def test_kept_images_are_an_entry_of_the_cache(config: TrainConfig, tmp_path: Path) -> None:
    prepare(config, cache=tmp_path / "cache")

    encoded = [entry.encoded for entry in list_entries(tmp_path / "cache")]

    assert sorted(encoded, key=str) == [None, "depth"]


def test_the_summary_states_the_size_of_kept_images(config: TrainConfig, tmp_path: Path) -> None:
    prepare(config, cache=tmp_path / "cache")
    kept = [entry for entry in list_entries(tmp_path / "cache") if entry.encoded == "depth"]
    assert len(kept) == 1
    written = (kept[0].folder / "images.npy").stat().st_size

    assert 0 <= written - dataset_summary(config).kept_bytes < 1024
    rgb = dataclasses.replace(config, data=dataclasses.replace(config.data, modalities=("rgb",)))
    assert dataset_summary(rgb).kept_bytes == 0
