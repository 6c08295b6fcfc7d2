"""Each data set reports its unmeasured pixels, so that pictures can mark them."""

from pathlib import Path

import numpy as np

from tests.fakes.data_sets import MAKERS
from tests.fakes.data_sets.nyu import make_nyu
from tests.fakes.data_sets.pictures import save
from trainer.config.configuration import FeatureConfig
from trainer.datasets import open_dataset
from trainer.datasets.decoding import read_array, read_pixels
from trainer.features.pictures import Pictures


def test_disparities_without_a_match_are_holes(tmp_path: Path) -> None:
    config = next(iter(MAKERS["cityscapes"].LAYOUTS.values()))(tmp_path)
    source = open_dataset(config).source
    name = open_dataset(config).train.names[0]
    path = source.images["disparity"][name]  # type: ignore[attr-defined]
    stored = read_pixels(path).astype(np.uint16)
    stored[3:9, 5:7] = 0
    save(path, stored)

    holes = source.holes(name, "disparity")

    assert holes is not None and np.array_equal(holes, stored == 0) and holes.any()
    assert source.holes(name, "rgb") is None


def test_metric_depth_of_zero_is_a_hole(tmp_path: Path) -> None:
    config = make_nyu(tmp_path, layout="metres")
    data_set = open_dataset(config)
    name = data_set.train.names[0]
    (path,) = data_set.source.images["depth"][name]  # type: ignore[attr-defined]
    metres = read_array(path).copy()
    metres[:4] = 0
    np.save(path, metres)

    holes = data_set.source.holes(name, "depth")

    assert holes is not None and np.array_equal(holes, metres == 0)


def test_hha_files_do_not_mark_unmeasured_pixels(tmp_path: Path) -> None:
    data_set = open_dataset(make_nyu(tmp_path, layout="common"))

    assert data_set.source.holes(data_set.train.names[0], "depth") is None


def test_holes_match_the_displayed_square_pixel_by_pixel(tmp_path: Path) -> None:
    config = next(iter(MAKERS["cityscapes"].LAYOUTS.values()))(tmp_path)
    names = open_dataset(config).train.names
    path = open_dataset(config).source.images["disparity"][names[0]]  # type: ignore[attr-defined]
    stored = np.full(read_pixels(path).shape, 9000, dtype=np.uint16)
    stored[: len(stored) // 2] = 0
    save(path, stored)
    side = 24
    pictures = Pictures.open(
        config, FeatureConfig(train_resolution=side, eval_resolution=side), names
    )

    holes = pictures.holes(0, "disparity")

    assert holes is not None and holes.shape == (side, side)
    assert holes[: side // 2].all() and not holes[side // 2 :].any()
    assert pictures.holes(0, "rgb") is None


def test_an_image_without_holes_shows_none(tmp_path: Path) -> None:
    config = next(iter(MAKERS["cityscapes"].LAYOUTS.values()))(tmp_path)
    names = open_dataset(config).train.names
    path = open_dataset(config).source.images["disparity"][names[0]]  # type: ignore[attr-defined]
    save(path, np.full(read_pixels(path).shape, 9000, dtype=np.uint16))
    pictures = Pictures.open(config, FeatureConfig(train_resolution=24, eval_resolution=24), names)

    assert pictures.holes(0, "disparity") is None
