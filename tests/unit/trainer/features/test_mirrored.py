"""Features of mirrored images: their content, and that they are computed once."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer import features
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import open_dataset
from trainer.features import DatasetFeatures, mirrored
from trainer.features.dataset_features import Features
from trainer.features.featuriser import Viewed
from trainer.features.pictures import Pictures
from trainer.features.prepare import open_backbone

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    data=DataConfig(options={"train": 2, "val": 2, "test": 1, "size": 48}),
    features=FeatureConfig(train_resolution=24, eval_resolution=48, dtype="float32"),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def dataset_features(cache: Path) -> DatasetFeatures:
    return features.prepare(CONFIG, cache=cache)


def prepare_mirrored(dataset_features: DatasetFeatures, cache: Path) -> Mapping[str, Features]:
    return mirrored.prepare_mirrored(
        CONFIG, dataset_features, "val", cache=cache, device=CPU, progress=lambda *_: None
    ).features


def test_they_are_the_backbones_of_the_mirrored_squares(
    dataset_features: DatasetFeatures, cache: Path
) -> None:
    made = prepare_mirrored(dataset_features, cache)
    pictures = Pictures.open(CONFIG.data, CONFIG.features, dataset_features.val.names)
    backbone = open_backbone(CONFIG, CPU)
    for modality in ("rgb", "depth"):
        (standard,) = mirrored._standards(dataset_features, modality, CPU).values()
        squares = [pictures.square(place, modality) for place in range(2)]
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
        plain, expected = (
            standard.apply(backbone.features(each)).numpy() for each in (images, images.flip(-1))
        )
        np.testing.assert_allclose(made[modality], expected, atol=1e-5)
        np.testing.assert_allclose(dataset_features.val.features[modality], plain, atol=1e-5)
        assert np.abs(made[modality] - plain[:, :, ::-1]).max() > 0.01


def test_they_are_made_once(
    dataset_features: DatasetFeatures, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_mirrored(dataset_features, cache)
    monkeypatch.setattr(mirrored, "_build", None)
    again = prepare_mirrored(dataset_features, cache)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_channels_whose_sign_a_mirror_flips_are_flipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[torch.Tensor] = []

    class Turned:
        name, channels, patch, scaling, fingerprint = "turned", 3, 1, None, ""

        def features(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return images

    images = torch.rand(1, 3, 4, 4)
    Viewed(Turned(), "flipped", odd=(0,)).features(images)
    assert torch.equal(seen[0][:, 1:], images[:, 1:].flip(-1))
    assert torch.equal(seen[0][:, 0], 1 - images[:, 0].flip(-1))


def test_pictures_lie_on_the_labels_and_guides_are_their_rgb(
    dataset_features: DatasetFeatures,
) -> None:
    pictures = Pictures.open(CONFIG.data, CONFIG.features, dataset_features.val.names)
    guides = pictures.guides(slice(1, 5))
    assert guides.shape == (1, 3, 48, 48)
    assert np.array_equal(guides[0].permute(1, 2, 0).numpy(), pictures.square(1, "rgb"))
    source = open_dataset(CONFIG.data).source
    assert np.array_equal(
        pictures.square(0, "rgb"), source.image(dataset_features.val.names[0], "rgb")
    )
    assert dataset_features.val.labels is not None
    assert dataset_features.val.labels[0].shape == pictures.square(0, "depth").shape[:2]


def test_rgb_alone_can_be_opened_for_a_run_without_it() -> None:
    data = dataclasses.replace(CONFIG.data, modalities=("depth",))
    with_rgb = dataclasses.replace(data, modalities=("rgb",))
    assert (
        Pictures.open(with_rgb, CONFIG.features, ("val-0000",)).guides(slice(0, 1)).shape[0] == 1
    )
