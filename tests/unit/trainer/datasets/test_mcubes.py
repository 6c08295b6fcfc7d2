from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets import mcubes
from tests.fakes.data_sets.pictures import noise, save
from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset
from trainer.datasets.base import Image
from trainer.errors import ConfigError, DataError

NAME, OFFSET = mcubes.NAMES[0], mcubes.OFFSET


def with_options(config: DataConfig, **options: Any) -> DataConfig:
    return replace(config, options={**config.options, **options})


def image(config: DataConfig, modality: str) -> Image:
    return open_dataset(config).source.image(NAME, modality)


def test_colour_keeps_its_16_bits(tmp_path: Path) -> None:
    stored = noise(NAME, 0, 65535, np.uint16, channels=3)[:, OFFSET:]

    rgb = image(mcubes.authors(tmp_path), "rgb")

    assert np.array_equal(np.round(rgb * 65535), stored)


def test_near_infrared_is_grey_on_the_scale_of_16_bits(tmp_path: Path) -> None:
    nir = image(mcubes.authors(tmp_path), "nir")

    stored = np.asarray(PIL.Image.open(tmp_path / f"NIR_warped/{NAME}.png"))[:, OFFSET:]
    assert np.array_equal(np.round(nir[:, :, 0] * 65535), stored)
    assert np.array_equal(nir[:, :, 0], nir[:, :, 1]) and np.array_equal(
        nir[:, :, 0], nir[:, :, 2]
    )


def test_the_angle_is_a_point_on_a_circle(tmp_path: Path) -> None:
    config = mcubes.authors(tmp_path)
    sine = np.load(tmp_path / f"polL_aolp_sin/{NAME}.npy").astype(np.float32)[:, OFFSET:]
    cosine = np.load(tmp_path / f"polL_aolp_cos/{NAME}.npy").astype(np.float32)[:, OFFSET:]

    aolp = image(config, "aolp")

    np.testing.assert_allclose(aolp[:, :, 0], (sine + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(aolp[:, :, 1], (cosine + 1) / 2, atol=1e-6)
    assert (aolp[:, :, 2] == 0.5).all()
    radius = np.hypot(aolp[:, :, 0] - 0.5, aolp[:, :, 1] - 0.5)
    np.testing.assert_allclose(radius, 0.5, atol=1e-3)


def test_a_degree_of_polarisation_is_unchanged(tmp_path: Path) -> None:
    config = mcubes.authors(tmp_path)
    stored = np.load(tmp_path / f"polL_dolp/{NAME}.npy")[:, OFFSET:]

    dolp = image(config, "dolp")

    assert stored.min() < 0 and stored.max() > 1
    assert np.array_equal(dolp[:, :, 0], stored.clip(0, 1))


def test_half_as_polarised_is_half_as_bright_unless_stretched(tmp_path: Path) -> None:
    config = mcubes.authors(tmp_path)
    path = tmp_path / f"polL_dolp/{NAME}.npy"
    stored = np.load(path).clip(0, 1)
    fixed, own = with_options(config), with_options(config, range="per-image")
    before = image(fixed, "dolp"), image(own, "dolp")
    save(path, stored / 2)

    assert np.allclose(image(fixed, "dolp"), before[0] / 2, atol=1e-6)
    assert np.abs(image(own, "dolp") - before[1]).max() < 0.05  # nothing to be seen of it


def test_as_published_all_images_have_8_bits_and_polarisation_is_stretched(tmp_path: Path) -> None:
    config = with_options(mcubes.authors(tmp_path), range="per-image")
    colour = noise(NAME, 0, 65535, np.uint16, channels=3)[:, OFFSET:]
    nir = np.asarray(PIL.Image.open(tmp_path / f"NIR_warped/{NAME}.png"))[:, OFFSET:]

    assert np.array_equal(np.round(image(config, "rgb") * 255), colour >> 8)
    assert np.array_equal(np.round(image(config, "nir")[:, :, 0] * 255), nir >> 8)
    for modality in ("aolp", "dolp"):
        stretched = image(config, modality)
        assert np.allclose(stretched * 255, np.round(stretched * 255), atol=1e-4)
        assert stretched.min((0, 1)).tolist() == [0, 0, 0]
        assert stretched.max((0, 1)).tolist() == [1, 1, 1]
    aolp = image(config, "aolp")
    assert np.array_equal(aolp[:, :, 0], aolp[:, :, 2])
    assert not np.array_equal(aolp[:, :, 0], aolp[:, :, 1])


def test_an_unpolarised_image_becomes_constant(tmp_path: Path) -> None:
    config = with_options(mcubes.authors(tmp_path), range="per-image")
    path = tmp_path / f"polL_dolp/{NAME}.npy"
    save(path, np.full_like(np.load(path), 0.3))

    assert not image(config, "dolp").any()


def test_eight_bit_colour_is_on_the_same_scale(tmp_path: Path) -> None:
    config = mcubes.cut_already(tmp_path)
    stored = noise(NAME, 0, 255, channels=3)

    assert np.array_equal(np.round(image(config, "rgb") * 255), stored)
    assert np.array_equal(
        image(with_options(config, range="per-image"), "rgb"), image(config, "rgb")
    )


def test_the_first_columns_of_all_files_are_dropped(tmp_path: Path) -> None:
    config = mcubes.authors(tmp_path)
    cut = open_dataset(config).source
    whole = open_dataset(with_options(config, left_offset=0)).source

    for modality in mcubes.MODALITIES:
        expected = whole.image(NAME, modality)[:, OFFSET:]
        assert np.array_equal(cut.image(NAME, modality), expected)
    assert np.array_equal(cut.label(NAME), whole.label(NAME)[:, OFFSET:])


def test_dropping_192_columns_is_the_default(tmp_path: Path) -> None:
    config = replace(mcubes.authors(tmp_path), options={})

    with pytest.raises(DataError, match=r"48 pixels wide and .*left_offset = 192 drops them all"):
        open_dataset(config).source.check()
    with pytest.raises(ConfigError, match="left_offset = -1 is negative"):
        open_dataset(replace(config, options={"left_offset": -1}))


def test_classes_are_0_to_19(tmp_path: Path) -> None:
    data_set = open_dataset(mcubes.authors(tmp_path))
    stored = np.asarray(PIL.Image.open(tmp_path / f"GT/{NAME}.png"))

    assert np.array_equal(data_set.source.label(NAME), stored[:, OFFSET:])
    assert data_set.classes[0] == "asphalt" and data_set.classes[19] == "sky"


def test_a_scene_is_held_out_whole(tmp_path: Path) -> None:
    config = mcubes.cut_already(tmp_path)
    for seed in range(6):
        splits = open_dataset(replace(config, seed=seed)).splits()
        scenes = [{name.partition("_")[0] for name in split.names} for split in splits.values()]
        assert [len(scene) for scene in scenes] == [1, 1, 1]
        assert set.union(*scenes) == {"scene1", "scene2", "scene3"}


def test_only_files_of_requested_modalities_are_needed(tmp_path: Path) -> None:
    config = mcubes.authors(tmp_path)
    (tmp_path / f"polL_aolp_cos/{NAME}.npy").unlink()

    assert open_dataset(replace(config, modalities=("rgb", "dolp"))).train.names[0] == NAME
    with pytest.raises(DataError, match="polL_aolp_cos"):
        open_dataset(replace(config, modalities=("rgb", "aolp")))
