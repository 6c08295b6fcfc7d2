import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from trainer.config.configuration import DataConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.cityscapes import encode_disparity
from trainer.errors import ConfigError, DataError


def open_street(
    root: Path, *, modalities: tuple[str, ...] = ("rgb", "disparity"), seed: int = 0
) -> DataSet:
    return open_dataset(
        DataConfig(name="cityscapes", root=str(root), modalities=modalities, seed=seed)
    )


def cities(names: tuple[str, ...]) -> set[str]:
    return {name.partition("_")[0] for name in names}


def test_without_val_three_cities_become_three_splits(street: Path) -> None:
    data_set = open_street(street)
    splits = [cities(split.names) for split in (data_set.train, data_set.val, data_set.test)]

    assert [len(split) for split in splits] == [1, 1, 1]
    assert set.union(*splits) == {"aachen", "bonn", "köln"}


def test_a_note_gives_the_number_of_held_out_frames(
    street: Path, add_frame: Callable[[Path, str, str, int], str]
) -> None:
    said = open_street(street).notes
    assert said == (
        "val is held out of train by city, chosen by data.seed: 2 of 6 training frames",
        "test is held out of train by city, chosen by data.seed: 2 of 6 training frames",
    )
    add_frame(street, "val", "ulm", 0)
    assert open_street(street).notes == said[:1]


def test_the_seed_decides_which_city(street: Path) -> None:
    chosen = {open_street(street, seed=seed).val.names for seed in range(12)}

    assert len(chosen) == 3
    assert open_street(street, seed=3).val == open_street(street, seed=3).val


def test_the_official_val_split_is_the_test_split(
    street: Path, add_frame: Callable[[Path, str, str, int], str]
) -> None:
    held_out = tuple(add_frame(street, "val", "ulm", number) for number in range(3))

    data_set = open_street(street)

    assert data_set.test.names == held_out
    assert len(cities(data_set.val.names)) == 1
    assert len(cities(data_set.train.names)) == 2
    assert not cities(data_set.val.names) & cities(data_set.train.names)


def test_label_ids_become_27_classes(street: Path) -> None:
    data_set = open_street(street)
    name = data_set.train.names[0]
    city = name.partition("_")[0]
    ids = np.array([[0, 6, 7, 33, 255, 24, 11]], dtype=np.uint8).repeat(2, axis=0)
    path = street / f"gtFine/train/{city}/{name}_gtFine_labelIds.png"
    PIL.Image.fromarray(ids).save(path)

    assert data_set.source.label(name)[0].tolist() == [255, 255, 0, 26, 255, 17, 4]
    assert len(data_set.classes) == 27
    assert data_set.classes[17] == "person" and data_set.classes[4] == "building"


def test_disparity_has_one_scale_for_all_images() -> None:
    stored = np.array([[1, 1 + 64 * 256, 1 + 128 * 256, 65535]], dtype=np.uint16)

    image = encode_disparity(stored)

    assert image[0, :, 0].tolist() == [0.0, 0.5, 1.0, 1.0]
    assert np.array_equal(image[:, :, 0], image[:, :, 1])
    assert np.array_equal(image[:, :, 0], image[:, :, 2])


def test_disparity_without_a_match_is_that_of_the_farther_side() -> None:
    near, far = 1 + 64 * 256, 1 + 32 * 256
    stored = np.array(
        [
            [0, 0, 0, 0],
            [0, near, 0, far],
            [far, 0, 0, 0],
            [0, 0, 0, 0],
        ],
        dtype=np.uint16,
    )

    image = encode_disparity(stored)[:, :, 0]

    assert image.tolist() == [
        [0.5, 0.5, 0.25, 0.25],
        [0.5, 0.5, 0.25, 0.25],
        [0.25] * 4,
        [0.25] * 4,
    ]


def test_an_image_without_any_match_is_far() -> None:
    assert not encode_disparity(np.zeros((2, 3), dtype=np.uint16)).any()


def test_rgb_alone_does_not_ask_for_disparity(street: Path) -> None:
    shutil.rmtree(street / "disparity")

    data_set = open_street(street, modalities=("rgb",))

    image = data_set.source.image(data_set.train.names[0], "rgb")
    assert image.dtype == np.float32 and 0 <= image.min() < image.max() <= 1


def test_without_a_label_folder_there_are_no_labels(street: Path) -> None:
    shutil.rmtree(street / "gtFine")

    data_set = open_street(street)

    assert not data_set.train.labelled and not data_set.val.labelled


def test_hidden_files_are_not_frames(street: Path) -> None:
    (street / "leftImg8bit/train/bonn/._bonn_000000_000019_leftImg8bit.png").write_bytes(b"x")

    assert open_street(street).train == open_street(street).train


def test_the_root_must_be_given_and_exist(street: Path) -> None:
    with pytest.raises(DataError, match=r"set data\.root"):
        open_dataset(DataConfig(name="cityscapes", modalities=("rgb",)))
    with pytest.raises(DataError, match="does not exist"):
        open_street(street / "nowhere")


def test_a_missing_or_empty_folder_is_named(street: Path) -> None:
    shutil.rmtree(street / "disparity")
    with pytest.raises(DataError, match=r"disparity/train does not exist"):
        open_street(street)
    (street / "disparity/train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"disparity has no file train/CITY/\*_disparity.png"):
        open_street(street)


@pytest.mark.parametrize(
    ("removed", "named", "wanted"),
    [
        ("disparity/train/bonn/bonn_000001_000019_disparity.png", "leftImg8bit", "disparity"),
        ("leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png", "_disparity.png", "rgb"),
        ("gtFine/train/bonn/bonn_000001_000019_gtFine_labelIds.png", "leftImg8bit", "label"),
    ],
)
def test_an_image_without_a_matching_file_is_named(
    street: Path, removed: str, named: str, wanted: str
) -> None:
    (street / removed).unlink()

    with pytest.raises(DataError, match=rf"bonn_000001.*{named}|{named}.*bonn_000001") as caught:
        open_street(street)
    assert repr(wanted) in str(caught.value)


def test_two_cities_are_too_few(street: Path) -> None:
    for folder in ("leftImg8bit", "disparity", "gtFine"):
        shutil.rmtree(street / folder / "train/bonn")

    with pytest.raises(DataError, match=r"of 2 cities.*takes at least 3"):
        open_street(street)


@pytest.mark.parametrize("share", [0.0, 0.5, -1.0])
def test_the_held_out_share_has_a_range(street: Path, share: float) -> None:
    config = DataConfig(
        name="cityscapes",
        root=str(street),
        modalities=("rgb",),
        options={"held_out_share": share},
    )

    with pytest.raises(ConfigError, match="held_out_share"):
        open_dataset(config)
