import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets.cocostuff27 import LISTS, make_cocostuff27
from tests.fakes.data_sets.pictures import truncate
from trainer.config.configuration import DataConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.cocostuff27 import CLASSES, COARSE, LABELS, TEST, TRAIN
from trainer.errors import ConfigError, DataError

FIRST = "train2017/000000000000"


def opened(config: DataConfig, **options: Any) -> DataSet:
    return open_dataset(replace(config, options={**config.options, **options}))


def test_the_lists_decide_and_val_is_held_out_of_train(tmp_path: Path) -> None:
    config = make_cocostuff27(tmp_path)

    data_set = open_dataset(config)

    assert [len(split) for split in (data_set.train, data_set.val, data_set.test)] == [4, 2, 3]
    assert all(name.startswith("train2017/") for name in data_set.val.names)
    assert all(name.startswith("val2017/") for name in data_set.test.names)
    assert len({open_dataset(replace(config, seed=seed)).val.names for seed in range(20)}) > 4
    assert "2 of 6 training images are held out" in data_set.notes[0]


def test_val_can_be_the_test_list(tmp_path: Path) -> None:
    data_set = opened(make_cocostuff27(tmp_path), val="test")

    assert data_set.val == data_set.test and len(data_set.train) == 6
    assert "val is the test list" in data_set.notes[0]


def test_every_label_has_one_coarse_class() -> None:
    members = [fine for spans in COARSE.values() for a, b in spans for fine in range(a, b + 1)]

    assert sorted(members) == list(range(182))
    assert list(COARSE) == [name for name, _ in CLASSES] and len(CLASSES) == 27
    assert LABELS[255] == 255 and (LABELS[182:255] == -1).all()


@pytest.mark.parametrize(
    ("fine", "name"),
    [
        *((0, "person"), (1, "vehicle"), (8, "vehicle"), (9, "outdoor"), (24, "animal")),
        *((42, "sports"), (60, "food"), (91, "textile"), (93, "plant"), (94, "building")),
        *((96, "plant"), (97, "furniture-stuff"), (98, "structural"), (99, "rawmaterial")),
        *((100, "floor"), (102, "ceiling"), (105, "sky"), (110, "ground"), (121, "food-stuff")),
        *((156, "sky"), (164, "furniture-stuff"), (176, "wall"), (177, "water")),
        *((180, "window"), (181, "solid")),
    ],
)
def test_labels_become_coarse_classes(tmp_path: Path, fine: int, name: str) -> None:
    data_set = open_dataset(make_cocostuff27(tmp_path))
    stored = np.full((24, 32), fine, dtype=np.uint8)
    stored[0] = 255
    PIL.Image.fromarray(stored).save(tmp_path / f"annotations/{FIRST}.png")

    label = data_set.source.label(FIRST)

    assert (label[0] == 255).all()
    assert {data_set.classes[index] for index in np.unique(label[1:])} == {name}


def test_a_grey_photograph_is_one(tmp_path: Path) -> None:
    image = open_dataset(make_cocostuff27(tmp_path)).source.image(FIRST, "rgb")

    assert image.shape == (24, 32, 3) and (image == image[..., :1]).all()


def test_without_annotations_there_are_no_labels(tmp_path: Path) -> None:
    data_set = open_dataset(make_cocostuff27(tmp_path, layout="unlabelled"))

    data_set.source.check()
    assert not data_set.train.labelled and not data_set.test.labelled


def label_182(path: Path) -> None:
    PIL.Image.fromarray(np.full((24, 32), 182, dtype=np.uint8)).save(path)


def coloured(path: Path) -> None:
    PIL.Image.fromarray(np.zeros((24, 32, 3), dtype=np.uint8)).save(path)


def wide(path: Path) -> None:
    PIL.Image.fromarray(np.zeros((24, 32), dtype=np.uint16)).save(path)


@pytest.mark.parametrize(
    ("file", "spoil", "phrase"),
    [
        (f"annotations/{FIRST}.png", truncate, "cannot decode the image"),
        (f"images/{FIRST}.jpg", truncate, "cannot decode the image"),
        (f"annotations/{FIRST}.png", label_182, "the label 182"),
        (f"annotations/{FIRST}.png", coloured, "3 channels of 8 bits instead of 1 channel"),
        (f"annotations/{FIRST}.png", wide, "1 channel of 16 bits instead of 1 channel of 8"),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, file: str, spoil: Callable[[Path], None], phrase: str
) -> None:
    data_set = open_dataset(make_cocostuff27(tmp_path))
    spoil(tmp_path / file)

    with pytest.raises(DataError, match=phrase) as caught:
        data_set.source.check()
    assert file in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", [TRAIN, TEST])
def test_an_empty_or_missing_list_is_named(tmp_path: Path, folder: str) -> None:
    config = make_cocostuff27(tmp_path)
    path = tmp_path / "curated" / folder / LISTS[folder]
    path.write_text("\n\n")
    with pytest.raises(DataError, match=rf"{folder}/{path.name} is empty"):
        open_dataset(config)
    path.unlink()
    with pytest.raises(DataError, match=rf"cannot read the split file .*{folder}/{path.name}"):
        open_dataset(config)


def test_a_name_without_a_file_is_reported(tmp_path: Path) -> None:
    config = make_cocostuff27(tmp_path)
    (tmp_path / f"images/{FIRST}.jpg").unlink()

    with pytest.raises(DataError, match=rf"Coarse.txt has '{FIRST}' but there is no file"):
        open_dataset(config)


def test_the_root_and_the_modalities_are_checked(tmp_path: Path) -> None:
    config = make_cocostuff27(tmp_path)

    with pytest.raises(ConfigError, match="'depth'"):
        open_dataset(replace(config, modalities=("rgb", "depth")))
    with pytest.raises(ConfigError, match="held_out_share"):
        opened(config, held_out_share=0.9)
    shutil.rmtree(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(config)
