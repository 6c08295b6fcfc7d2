import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.backbones import build_backbone
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import open_dataset
from trainer.datasets.crops import five_crop_boxes, square_image, square_label
from trainer.errors import CacheError, ConfigError, DataError
from trainer.features import (
    DatasetFeatures,
    TestSplit,
    ValSplit,
    open_dataset_features,
    prepare,
    require_labels,
    validate,
)

Street = Callable[..., TrainConfig]


def with_features(config: TrainConfig, **changes: Any) -> TrainConfig:
    return dataclasses.replace(config, features=dataclasses.replace(config.features, **changes))


def forbid(what: str, done: int, total: int) -> None:
    raise AssertionError(f"worked again: {what}")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_features_have_the_shapes_of_the_configuration(
    rooms_config: TrainConfig, cache: Path
) -> None:
    dataset_features = prepare(rooms_config, cache=cache)

    channels = build_backbone(BackboneConfig()).channels
    assert (
        dataset_features.modalities == ("rgb", "depth") and dataset_features.channels == channels
    )
    assert len(dataset_features.classes) == len(dataset_features.palette) == 8
    assert (
        len(dataset_features.train) == 20
        and len(dataset_features.val) == 2
        and len(dataset_features.test) == 3
    )
    for modality in dataset_features.modalities:
        assert dataset_features.train.features[modality].shape == (20, 3, 3, channels)
        assert dataset_features.train.features[modality].dtype == np.float16
        assert dataset_features.val.features[modality].shape == (2, 6, 6, channels)
        assert dataset_features.test.features[modality].shape == (3, 6, 6, channels)
    assert dataset_features.train.neighbours.shape == (20, 19)
    assert dataset_features.train.labels is not None and dataset_features.train.labels.shape == (
        20,
        24,
        24,
    )
    assert dataset_features.test.labels is not None and dataset_features.test.labels.shape == (
        3,
        48,
        48,
    )
    assert dataset_features.val.names == ("val-0000", "val-0001")
    assert type(dataset_features.val) is ValSplit and type(dataset_features.test) is TestSplit


def test_crops_are_in_order_and_features_are_their_backbones(
    street: Path, street_config: Street, cache: Path
) -> None:
    config = with_features(street_config(street), dtype="float32")
    dataset_features = prepare(config, cache=cache)
    data_set, backbone = open_dataset(config.data), build_backbone(config.backbone)
    assert dataset_features.train.labels is not None

    for number, name in enumerate(data_set.train.names):
        image, label = data_set.source.image(name, "rgb"), data_set.source.label(name)
        for place, box in enumerate(five_crop_boxes(*label.shape)):
            crop = 5 * number + place
            wanted = square_label(box.cut(label), side=24)
            assert np.array_equal(dataset_features.train.labels[crop], wanted)
            square = square_image(box.cut(image), side=24, resize="bilinear")
            raw = backbone.features(square[None])[0].numpy()
            constants = np.load(dataset_features_folder(dataset_features) / "standard.rgb.npy")
            standard = np.clip((raw - constants[0]) / constants[1], -4, 4)
            standard = standard * constants[2] + constants[3]
            assert np.allclose(dataset_features.train.features["rgb"][crop], standard, atol=1e-3)


def dataset_features_folder(dataset_features: DatasetFeatures) -> Path:
    assert dataset_features.folder is not None
    return dataset_features.folder


def test_features_without_a_scale_get_the_one_their_backbone_asks_for(
    rooms_config: TrainConfig, cache: Path
) -> None:
    dataset_features = prepare(rooms_config, cache=cache)
    scaling = build_backbone(rooms_config.backbone).scaling
    assert scaling is not None
    wanted = np.array(scaling.deviations)

    for features in dataset_features.train.features.values():
        tokens = features.reshape(-1, dataset_features.channels).astype(np.float64)
        standard = (tokens - scaling.mean) / wanted
        assert np.abs(standard).max() <= 4.01  # rounded to the number format of the cache
        assert np.abs(standard.mean(axis=0)).max() < 0.3
        unit = tokens / np.linalg.norm(tokens, axis=1, keepdims=True)
        cosines = unit @ unit.T
        assert np.quantile(cosines, 0.1) < -0.1 and np.quantile(cosines, 0.9) > 0.5
        assert 0.1 < cosines.mean() < 0.4  # a common part, as features of trained networks have


def test_neighbours_follow_the_first_modality(rooms_config: TrainConfig, cache: Path) -> None:
    config = with_features(rooms_config, neighbours=8, dtype="float32")
    rgb_first = prepare(config, cache=cache)
    depth_first = prepare(with_data(config, modalities=("depth",)), cache=cache)

    for dataset_features, anchor in ((rgb_first, "rgb"), (depth_first, "depth")):
        means = dataset_features.train.features[anchor].astype(np.float64).mean(axis=(1, 2))
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        cosines = means @ means.T
        np.fill_diagonal(cosines, -np.inf)
        assert np.array_equal(
            dataset_features.train.neighbours, np.argsort(-cosines, axis=1)[:, :8]
        )
    assert not np.array_equal(rgb_first.train.neighbours, depth_first.train.neighbours)


def test_a_complete_entry_is_found_again(street: Path, street_config: Street, cache: Path) -> None:
    first = prepare(street_config(street), cache=cache)
    again = prepare(street_config(street), cache=cache, progress=forbid)

    assert again.folder == first.folder
    for modality, features in first.train.features.items():
        assert np.array_equal(features, again.train.features[modality])


def test_settings_that_do_not_affect_features_share_an_entry(
    rooms_config: TrainConfig, cache: Path
) -> None:
    first = prepare(rooms_config, cache=cache)
    other = dataclasses.replace(rooms_config, seed=9, hyper={"lambda_self": 0.1})

    assert prepare(other, cache=cache, progress=forbid).folder == first.folder


CHANGES: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "resolution": lambda config: with_features(config, train_resolution=32),
    "crop": lambda config: with_features(config, crop="none"),
    "resize": lambda config: with_features(config, resize="nearest"),
    "dtype": lambda config: with_features(config, dtype="float32"),
    "neighbours": lambda config: with_features(config, neighbours=9),
    "patch": lambda config: dataclasses.replace(config, backbone=BackboneConfig(patch=4)),
    "seed": lambda config: with_data(config, seed=1),
    "options": lambda config: with_data(config, options={**config.data.options, "test": 2}),
    "modalities": lambda config: with_data(config, modalities=("rgb",)),
}


def with_data(config: TrainConfig, **changes: Any) -> TrainConfig:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_settings_that_change_features_change_the_cache_entry(
    rooms_config: TrainConfig, cache: Path, change: str
) -> None:
    first = prepare(rooms_config, cache=cache)
    other = prepare(CHANGES[change](rooms_config), cache=cache)

    assert other.fingerprints["bank"] != first.fingerprints["bank"]
    same_data = change not in ("seed", "options")
    assert (other.fingerprints["data"] == first.fingerprints["data"]) == same_data


def test_an_entry_opens_without_images_and_backbone(
    street: Path, street_config: Street, cache: Path
) -> None:
    dataset_features = prepare(street_config(street), cache=cache)
    shutil.rmtree(street)

    opened = open_dataset_features(dataset_features_folder(dataset_features), verify="all")

    assert (
        opened.classes == dataset_features.classes and opened.palette == dataset_features.palette
    )
    assert opened.fingerprints == dataset_features.fingerprints
    assert opened.val.names == dataset_features.val.names
    assert np.array_equal(opened.train.neighbours, dataset_features.train.neighbours)


def test_a_data_set_without_labels_has_none(
    street: Path, street_config: Street, cache: Path
) -> None:
    shutil.rmtree(street / "gtFine")

    dataset_features = prepare(street_config(street), cache=cache)

    assert dataset_features.train.labels is None
    assert dataset_features.val.labels is None and dataset_features.test.labels is None


def test_a_damaged_entry_is_reported_and_built_again_once_deleted(
    rooms_config: TrainConfig, cache: Path
) -> None:
    folder = dataset_features_folder(prepare(rooms_config, cache=cache))
    path = folder / "val.depth.npy"
    data = bytearray(path.read_bytes())
    data[-2] ^= 4
    path.write_bytes(data)

    with pytest.raises(CacheError, match=r"val\.depth\.npy does not match its checksum"):
        prepare(rooms_config, cache=cache)
    shutil.rmtree(folder)
    prepare(rooms_config, cache=cache)


def test_building_twice_gives_the_same_bytes(rooms_config: TrainConfig, tmp_path: Path) -> None:
    folders = [
        dataset_features_folder(prepare(rooms_config, cache=tmp_path / name))
        for name in ("one", "two")
    ]

    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


def test_progress_ends_at_the_whole(rooms_config: TrainConfig, cache: Path) -> None:
    progress: dict[str, tuple[int, int]] = {}

    def note(what: str, done: int, total: int) -> None:
        assert done >= progress.get(what, (0, 0))[0]
        progress[what] = (done, total)

    prepare(rooms_config, cache=cache, progress=note)

    assert progress["features of train"] == (4, 4) and progress["features of test"] == (3, 3)
    assert all(done == total for done, total in progress.values())


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (TrainConfig(data=DataConfig(name="cities")), ConfigError, "choose one of"),
        (TrainConfig(data=DataConfig(modalities=("rgb", "heat"))), ConfigError, "rgb, depth"),
        (TrainConfig(backbone=BackboneConfig(patch=9)), ConfigError, "give 225"),
        (
            TrainConfig(features=FeatureConfig(eval_resolution=321)),
            ConfigError,
            r"eval_resolution = 321 is not a multiple of 8, the token side.*give 320",
        ),
        (
            TrainConfig(
                data=DataConfig(options={"train": 1}), features=FeatureConfig(crop="none")
            ),
            DataError,
            "one image",
        ),
    ],
)
@pytest.mark.parametrize("refuses", [validate, prepare])
def test_impossible_settings_are_refused_in_one_line(
    config: TrainConfig,
    error: type[Exception],
    message: str,
    refuses: Callable[[TrainConfig], object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("UMSS_CACHE", str(tmp_path / "cache"))

    with pytest.raises(error, match=message) as caught:
        refuses(config)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_search_refuses_features_without_labels_on_val(
    rooms_config: TrainConfig, cache: Path
) -> None:
    dataset_features = prepare(rooms_config, cache=cache)
    require_labels(dataset_features)

    labels = np.full((2, 48, 48), 255, dtype=np.uint8)
    for unlabelled, reason in ((None, "has none there"), (labels, "no pixel there has a class")):
        val = dataclasses.replace(dataset_features.val, labels=unlabelled)
        message = f"needs labels on val for scoring, but .*{reason}: "
        with pytest.raises(DataError, match=message) as caught:
            require_labels(dataclasses.replace(dataset_features, val=val))
        assert "\n" not in str(caught.value)
    labels[1, 47, 47] = 3
    require_labels(
        dataclasses.replace(
            dataset_features, val=dataclasses.replace(dataset_features.val, labels=labels)
        )
    )
