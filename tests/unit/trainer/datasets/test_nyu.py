import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from tests.fakes.data_sets.nyu import CAMERA, LAYOUTS, TEST, TRAIN, draw_frame, make_nyu
from tests.fakes.data_sets.pictures import truncate
from trainer.commands.features import build_features
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import DataSet, find_dataset, open_dataset
from trainer.datasets.decoding import read_label
from trainer.datasets.depth_encoding import Intrinsics, encode_hha, encode_inverse_depth
from trainer.datasets.nyu.classes import STORED, TO_3, TO_13, classes_of, label_table_of
from trainer.datasets.nyu.splits import number_blocks
from trainer.errors import ConfigError, DataError

SAMPLE = Path(os.environ.get("UMSS_DATA", "/nowhere")) / "nyu_frame"

needs_sample = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)


def opened(config: DataConfig, **options: Any) -> DataSet:
    return open_dataset(replace(config, options={**config.options, **options}))


def refusal(call: Callable[[], object], kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Layouts


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_shows_the_same_frames_upright(tmp_path: Path, layout: str) -> None:
    data_set = open_dataset(LAYOUTS[layout](tmp_path))
    data_set.source.check()

    assert [len(split) for split in (data_set.train, data_set.val, data_set.test)] == [7, 1, 3]
    for name in data_set.test.names:
        drawn = draw_frame(int(name))
        rgb = data_set.source.image(name, "rgb") * 255
        assert np.abs(rgb - drawn["rgb"]).mean() < 12  # a JPEG of few pixels
        label = data_set.source.label(name)
        assert (label == np.array([255, 11, 4, 5])[drawn["label"]]).all()
        assert data_set.source.image(name, "depth").shape == rgb.shape


@pytest.mark.parametrize("layout", ["archive", "archive-png"])
def test_transposed_rgb_is_turned_back_with_a_note(tmp_path: Path, layout: str) -> None:
    data_set = open_dataset(LAYOUTS[layout](tmp_path))

    said = [note for note in data_set.notes if "stored transposed" in note]
    assert len(said) == 1
    assert "is 24 x 32" in said[0] and "Labels/0002.png 32 x 24" in said[0]
    stored = data_set.source.stored("0002", "rgb")
    assert stored is not None and stored.shape == (24, 32, 3)


def test_upright_rgb_is_left_alone(tmp_path: Path) -> None:
    data_set = open_dataset(make_nyu(tmp_path))

    assert not any("transposed" in note for note in data_set.notes)


def test_without_labels_sizes_are_compared_with_depth(tmp_path: Path) -> None:
    config = replace(make_nyu(tmp_path, layout="archive"), modalities=("rgb",))
    shutil.rmtree(tmp_path / "Labels")

    data_set = open_dataset(config)

    assert not data_set.train.labelled
    assert any("HHA/0002.png 32 x 24" in note for note in data_set.notes)
    assert data_set.source.image("0002", "rgb").shape == (24, 32, 3)


def test_with_no_size_to_compare_the_option_is_required(tmp_path: Path) -> None:
    config = replace(make_nyu(tmp_path, layout="archive"), modalities=("rgb",))
    shutil.rmtree(tmp_path / "Labels")
    shutil.rmtree(tmp_path / "HHA")

    text = refusal(lambda: open_dataset(config), ConfigError)
    assert "set data.options.rgb_transposed to true or false" in text and "0002.jpg" in text
    turned = opened(config, rgb_transposed=True)
    assert turned.source.image("0002", "rgb").shape == (24, 32, 3)
    assert any("rgb_transposed" in note for note in turned.notes)
    assert opened(config, rgb_transposed=False).source.image("0002", "rgb").shape == (32, 24, 3)


def test_a_square_picture_is_not_conclusive(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)
    for path in tmp_path.glob("*/*.*"):
        if path.suffix == ".npy":
            np.save(path, np.load(path)[:, :24])
        else:
            image = np.asarray(PIL.Image.open(path))
            PIL.Image.fromarray(image[:, :24]).save(path)

    assert "is square" in refusal(lambda: open_dataset(config), ConfigError)
    upright = opened(config, rgb_transposed=False)
    turned = opened(config, rgb_transposed=True)
    image = upright.source.image("2", "rgb")
    assert np.array_equal(turned.source.image("2", "rgb"), image.swapaxes(0, 1))
    assert upright.identity != turned.identity


def test_one_picture_with_another_orientation_is_named(tmp_path: Path) -> None:
    data_set = open_dataset(make_nyu(tmp_path, layout="archive"))
    PIL.Image.fromarray(draw_frame(5)["rgb"]).save(tmp_path / "RGB/0005.jpg")

    text = refusal(data_set.source.check)
    assert "0005" in text and "24 x 32" in text and "32 x 24" in text


def test_two_folders_or_files_of_one_kind_are_named(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)
    (tmp_path / "RGB/3.png").write_bytes(b"")
    text = refusal(lambda: open_dataset(config))
    assert "3.jpg" in text and "3.png" in text
    (tmp_path / "RGB/3.png").unlink()
    (tmp_path / "Labels").mkdir()
    text = refusal(lambda: open_dataset(config))
    assert "Label and" in text and "Labels could both hold" in text


# Splits


def test_val_is_held_out_by_blocks_of_numbers(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)

    chosen = {open_dataset(replace(config, seed=seed)).val.names for seed in range(20)}

    assert len(chosen) > 4 and all(len(names) == 1 for names in chosen)
    again = open_dataset(replace(config, seed=3))
    assert open_dataset(replace(config, seed=3)).val == again.val
    assert set(again.val.names) | set(again.train.names) == {str(number) for number in TRAIN}
    assert again.test.names == tuple(map(str, TEST))
    assert "1 of 8 frames, in 1 of 8 blocks" in again.notes[0]


def test_blocks_end_at_gaps_and_long_ones_are_divided() -> None:
    numbers = [*range(2, 8), *range(9, 12), *range(100, 200), 400]
    blocks = number_blocks(tuple(f"{number:04d}" for number in numbers))

    groups: dict[str, list[int]] = {}
    for name, block in blocks.items():
        groups.setdefault(block, []).append(int(name))
    assert [len(group) for group in groups.values()] == [6, 3, *[11] * 9, 1, 1]
    assert all(group == list(range(group[0], group[-1] + 1)) for group in groups.values())
    assert len(set(number_blocks(tuple("edcba")).values())) == 5


@needs_sample
def test_the_official_train_list_is_divided_only_at_its_gaps() -> None:
    lines = (SAMPLE / "train.txt").read_text().splitlines()
    numbers = [int(Path(line.split()[0]).stem) for line in lines]

    blocks = number_blocks(tuple(map(str, numbers)))

    gaps = sum(after != before + 1 for before, after in itertools.pairwise(numbers))
    assert len(numbers) == 795 and len(set(blocks.values())) == gaps + 1 == 123


def test_scenes_are_never_divided(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)
    scenes = {number: f"kitchen {number % 3}" for number in TRAIN}
    (tmp_path / "scenes.txt").write_text("".join(f"{n} {s}\n" for n, s in scenes.items()))

    data_set = opened(config, held_out_share=0.3)

    held, kept = ({scenes[int(name)] for name in split.names} for split in _halves(data_set))
    assert len(held) == 1 and len(kept) == 2
    assert "1 of 3 scenes" in data_set.notes[0]
    (tmp_path / "scenes.txt").write_text("2 kitchen\n")
    assert "no scene for the frame '3'" in refusal(lambda: open_dataset(config))
    (tmp_path / "scenes.txt").write_text("2\n")
    assert "has the line '2'" in refusal(lambda: open_dataset(config))


def _halves(data_set: DataSet) -> tuple[Any, Any]:
    return data_set.val, data_set.train


def test_val_can_be_the_test_list(tmp_path: Path) -> None:
    data_set = opened(make_nyu(tmp_path, layout="archive"), val="test")

    assert data_set.val == data_set.test and len(data_set.test) == 3
    assert len(data_set.train) == 8
    assert any("val is the test list val.txt" in note for note in data_set.notes)


def test_both_lists_may_exist(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)
    shutil.copy(tmp_path / "test.txt", tmp_path / "val.txt")
    assert len(open_dataset(config).train) == 7
    (tmp_path / "val.txt").write_text("14\n")
    (tmp_path / "train.txt").write_text("2\n3\n4\n")

    data_set = open_dataset(config)

    assert data_set.val.names == ("14",) and data_set.test.names == ("6", "7", "12")
    assert "val.txt is val" in data_set.notes[0]
    assert opened(config, val="test").val.names == ("6", "7", "12")


@pytest.mark.parametrize(
    ("name", "content", "phrase"),
    [
        ("train.txt", "", r"train.txt is empty"),
        ("train.txt", None, r"cannot read the split file .*train.txt"),
        ("test.txt", None, "neither val.txt nor test.txt"),
        ("test.txt", "7\n2\n", r"test.txt names '2'"),
        ("train.txt", "2\n2.png\n", r"train.txt names the frame '2' 2 times"),
        ("val.txt", "6\n", r"test.txt names '6'"),
    ],
)
def test_a_bad_list_is_named(tmp_path: Path, name: str, content: str | None, phrase: str) -> None:
    config = make_nyu(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)

    with pytest.raises(DataError, match=phrase):
        open_dataset(config)


# Classes


def test_the_13_classes_by_name() -> None:
    members = {
        "bed": ["bed"],
        "books": ["books"],
        "ceiling": ["ceiling"],
        "chair": ["chair"],
        "floor": ["floor", "floor mat"],
        "furniture": "cabinet,bookshelf,counter,shelves,dresser,refrigerator,night stand,"
        "other furniture".split(","),
        "objects": "pillow,mirror,clothes,paper,towel,shower curtain,box,whiteboard,person,toilet,"
        "sink,lamp,bathtub,bag,other structure,other prop".split(","),
        "picture": ["picture"],
        "sofa": ["sofa"],
        "table": ["table", "desk"],
        "tv": ["television"],
        "wall": ["wall", "door"],
        "window": ["window", "blinds", "curtain"],
    }
    expected = {fine: name for name, each in members.items() for fine in each}
    names = [name for name, _ in classes_of(13, empty_class=True)]

    assert names == sorted(members)
    assert {fine: names[to] for fine, to in zip(STORED, TO_13, strict=True)} == expected


def test_the_coarse_classes_by_name() -> None:
    members = {
        "structure": "wall,floor,door,window,blinds,curtain,floor mat,ceiling,"
        "shower curtain,other structure",
        "furniture": "cabinet,bed,chair,sofa,table,bookshelf,counter,desk,shelves,dresser,"
        "refrigerator,night stand,other furniture",
    }
    expected = {fine: name for name, each in members.items() for fine in each.split(",")}
    names = [name for name, _ in classes_of(4, empty_class=False)]

    assert names == ["structure", "furniture", "objects"]
    for fine, to in zip(STORED, TO_3, strict=True):
        assert names[to] == expected.get(fine, "objects"), fine


@needs_sample
def test_the_13_classes_are_the_official_ones_pixel_by_pixel() -> None:
    official = np.asarray(PIL.Image.open(SAMPLE / "label13_0.png"))

    label = read_label(SAMPLE / "Label/0.png", label_table_of(13))

    assert np.array_equal(np.where(label == 255, 0, label + 1), official)
    assert len(np.unique(official)) == 8


@pytest.mark.parametrize("empty", [False, True])
def test_4_classes_have_three_with_ground_truth(tmp_path: Path, empty: bool) -> None:
    data_set = opened(make_nyu(tmp_path), classes=4, empty_class=empty)

    expected = ("structure", "furniture", "objects", *(("void",) if empty else ()))
    assert data_set.classes == expected and len(data_set.palette) == len(expected)
    assert sum("4 classes" in note for note in data_set.notes) == 1
    drawn = draw_frame(6)["label"]
    assert (data_set.source.label("6") == np.array([255, 0, 0, 1])[drawn]).all()
    assert data_set.identity != open_dataset(make_nyu(tmp_path)).identity
    assert 3 not in set(TO_3)


# Depth


def test_hha_is_computed_if_there_are_no_hha_files(tmp_path: Path) -> None:
    data_set = open_dataset(make_nyu(tmp_path, layout="metres"))

    metres = np.load(tmp_path / "Depth/6.npy")
    expected = encode_hha(metres, Intrinsics(**CAMERA))
    assert np.array_equal(data_set.source.image("6", "depth"), expected)
    assert "HHA computed from Depth/ with the camera fx 26" in data_set.notes[-1]


def test_hha_files_are_preferred_to_metric_depth(tmp_path: Path) -> None:
    config = make_nyu(tmp_path)
    stored = np.asarray(PIL.Image.open(tmp_path / "HHA/6.jpg"), dtype=np.float32) / 255

    data_set = open_dataset(config)
    inverse = opened(config, depth_encoding="inverse")

    assert np.array_equal(data_set.source.image("6", "depth"), stored)
    assert "HHA files of HHA/" in data_set.notes[-1]
    expected = encode_inverse_depth(np.load(tmp_path / "Depth/6.npy"))
    assert np.array_equal(inverse.source.image("6", "depth"), expected)
    assert inverse.identity != data_set.identity


def test_depth_in_millimetres_is_the_same_depth(tmp_path: Path) -> None:
    data_set = open_dataset(make_nyu(tmp_path, layout="millimetres"))

    expected = encode_inverse_depth(draw_frame(6)["depth"])
    assert np.allclose(data_set.source.image("6", "depth"), expected, atol=1e-3)


def test_other_sizes_need_their_own_camera(tmp_path: Path) -> None:
    config = replace(make_nyu(tmp_path, layout="metres"), options={})

    text = refusal(open_dataset(config).source.check)
    assert "is 32 x 24 pixels" in text and "[data.options.intrinsics]" in text


def test_a_camera_in_the_options_is_checked(tmp_path: Path) -> None:
    config = make_nyu(tmp_path, layout="metres")

    assert "fx" in refusal(lambda: opened(config, intrinsics={**CAMERA, "fx": 0}), ConfigError)
    assert "incomplete" in refusal(lambda: opened(config, intrinsics={"fx": 1.0}), ConfigError)


@pytest.mark.parametrize(
    ("removed", "options", "phrase"),
    [
        (("HHA", "Depth"), {}, "no folder HHA or Depth"),
        (("Depth",), {"depth_encoding": "inverse"}, "no folder Depth"),
        (("RGB",), {}, "no folder RGB"),
    ],
)
def test_a_missing_folder_is_named(
    tmp_path: Path, removed: tuple[str, ...], options: dict[str, Any], phrase: str
) -> None:
    config = make_nyu(tmp_path)
    for folder in removed:
        shutil.rmtree(tmp_path / folder)

    assert phrase in refusal(lambda: opened(config, **options))


# Damaged files


def grey(path: Path) -> None:
    PIL.Image.fromarray(np.zeros((24, 32), dtype=np.uint8)).save(path)


def coloured(path: Path) -> None:
    PIL.Image.fromarray(np.zeros((24, 32, 3), dtype=np.uint8)).save(path)


def numbers(value: float) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        array = np.load(path)
        array[3, 4] = value
        np.save(path, array)

    return spoil


def label_41(path: Path) -> None:
    PIL.Image.fromarray(np.full((24, 32), 41, dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    ("layout", "file", "spoil", "phrase"),
    [
        ("archive-png", "RGB/0004.png", truncate, "cannot decode the image"),
        ("archive", "HHA/0004.png", truncate, "cannot decode the image"),
        ("metres", "label/4.png", truncate, "cannot decode the image"),
        ("metres", "Depth/4.npy", truncate, "cannot decode the array"),
        ("common", "RGB/4.jpg", grey, "1 channel of 8 bits instead of 3 channels"),
        ("common", "HHA/4.jpg", grey, "1 channel of 8 bits instead of 3 channels"),
        ("common", "Label/4.png", coloured, "3 channels of 8 bits instead of 1 channel of 8"),
        ("millimetres", "depth/4.png", grey, "1 channel of 8 bits instead of 1 channel of 16"),
        ("metres", "Depth/4.npy", numbers(np.nan), "not finite, the first in row 3, column 4"),
        ("metres", "Depth/4.npy", numbers(-1.0), "depths from -1"),
        ("metres", "Depth/4.npy", numbers(1798.0), "to 1798 m: give metres"),
        ("common", "Label/4.png", label_41, "label 41"),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, layout: str, file: str, spoil: Callable[[Path], None], phrase: str
) -> None:
    data_set = open_dataset(LAYOUTS[layout](tmp_path))
    spoil(tmp_path / file)

    text = refusal(data_set.source.check)
    assert phrase in text and file in text


@pytest.mark.parametrize("file", ["RGB/4.jpg", "HHA/4.jpg", "Label/4.png"])
def test_a_name_without_a_file_is_reported_and_can_be_listed(tmp_path: Path, file: str) -> None:
    config = make_nyu(tmp_path)
    (tmp_path / file).unlink()

    text = refusal(lambda: open_dataset(config))
    assert "train.txt has '4'" in text and file.partition(".")[0] in text
    found = find_dataset(config)
    assert len(found.faults) == 1 and "4" not in (*found.train.names, *found.val.names)


# Notes


def test_building_features_prints_the_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig(
        data=LAYOUTS["archive"](tmp_path / "nyu"),
        backbone=BackboneConfig(patch=8),
        features=FeatureConfig(train_resolution=16, eval_resolution=16, crop="none"),
    )

    build_features(config, cache=tmp_path / "cache", device=torch.device("cpu"), verify=False)

    printed = capsys.readouterr().out
    assert "note: RGB is stored transposed" in printed
    assert "note: val is held out of train.txt" in printed
