from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets import mfnet
from tests.fakes.data_sets.pictures import write_list
from trainer.datasets import open_dataset
from trainer.errors import ConfigError, DataError


def stored(root: Path, path: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(root / path))


def test_rgb_and_thermal_are_the_channels_of_one_file(tmp_path: Path) -> None:
    source = open_dataset(mfnet.authors(tmp_path)).source
    pixels = stored(tmp_path, "images/00002D.png")

    rgb, thermal = source.image("00002D", "rgb"), source.image("00002D", "thermal")

    assert np.array_equal(np.round(rgb * 255), pixels[:, :, :3])
    for channel in range(3):
        assert np.array_equal(np.round(thermal[:, :, channel] * 255), pixels[:, :, 3])
    kept = source.stored("00002D", "thermal")
    assert kept is not None and np.array_equal(kept, pixels[:, :, 3])


def test_unlabelled_is_255_and_classes_begin_at_0(tmp_path: Path) -> None:
    data_set = open_dataset(mfnet.authors(tmp_path))
    label = data_set.source.label("00002D")
    pixels = stored(tmp_path, "labels/00002D.png")

    assert np.array_equal(label, np.where(pixels == 0, 255, pixels.astype(int) - 1))
    assert data_set.classes[0] == "car" and data_set.classes[7] == "bump"


def test_a_flip_line_is_the_mirrored_image(tmp_path: Path) -> None:
    data_set = open_dataset(mfnet.authors(tmp_path))
    source = data_set.source

    assert data_set.train.names == ("00001D", "00001D_flip", "00002D")
    for modality in ("rgb", "thermal"):
        mirrored = source.image("00001D_flip", modality)
        assert np.array_equal(mirrored, source.image("00001D", modality)[:, ::-1])
    assert np.array_equal(source.label("00001D_flip"), source.label("00001D")[:, ::-1])
    assert len(source.files()) == 8  # the mirrored image has no files of its own


def test_a_flip_line_with_its_own_file_is_not_mirrored(tmp_path: Path) -> None:
    source = open_dataset(mfnet.stored_flips(tmp_path)).source

    image, label = source.image("00001D_flip", "rgb"), source.label("00001D_flip")

    pixels = stored(tmp_path, "images/00001D_flip.png")
    assert np.array_equal(np.round(image * 255), pixels[:, :, :3])
    assert np.array_equal(label == 255, stored(tmp_path, "labels/00001D_flip.png") == 0)


def test_the_lists_are_the_splits(tmp_path: Path) -> None:
    data_set = open_dataset(mfnet.authors(tmp_path))

    assert data_set.val.names == ("00003N",) and data_set.test.names == ("00004N",)
    assert data_set.notes == ()


def test_as_published_val_is_the_test_list(tmp_path: Path) -> None:
    config = mfnet.authors(tmp_path)

    data_set = open_dataset(replace(config, options={"val": "test"}))

    assert data_set.val == data_set.test
    assert data_set.train == open_dataset(config).train  # images in val.txt are left out
    chosen, left_out = data_set.notes
    assert chosen == "val is the test list test.txt: whatever is chosen on val is chosen on test"
    assert left_out.startswith("files of no image in the splits, not used: 1 in ")
    assert left_out.count(f"({mfnet.NAMES[2]}.png)") == 2  # its image and its label


def test_without_a_val_list_val_is_held_out_of_train(tmp_path: Path) -> None:
    config = mfnet.released(tmp_path)
    drawn = set()
    for seed in range(8):
        data_set = open_dataset(replace(config, seed=seed))
        drawn.add(data_set.val.names)
        assert {*data_set.train.names, *data_set.val.names} == {"00001D", "00001D_flip", "00002D"}
        assert data_set.test.names == ("00004N",)
    # an image and its mirror image are never separated
    assert drawn == {("00001D", "00001D_flip"), ("00002D",)}
    assert "no list of val" in data_set.notes[0]


def test_with_only_a_train_list_val_and_test_are_held_out(tmp_path: Path) -> None:
    data_set = open_dataset(mfnet.without_labels(tmp_path))

    assert [len(split) for split in data_set.splits().values()] == [2, 1, 1]
    assert [note.split(":")[0] for note in data_set.notes] == [
        "there is no list of val",
        "there is no list of test",
    ]


def test_val_as_published_needs_a_test_list(tmp_path: Path) -> None:
    config = replace(mfnet.without_labels(tmp_path), options={"val": "test"})

    with pytest.raises(ConfigError, match=r"val = 'test' needs the list .*test\.txt"):
        open_dataset(config)


def test_one_image_is_too_few_to_hold_out(tmp_path: Path) -> None:
    config = mfnet.without_labels(tmp_path)
    write_list(tmp_path / "train.txt", "00001D", "00001D_flip")

    with pytest.raises(DataError, match=r"nothing can be held out .*00001D, 00001D_flip"):
        open_dataset(config)


def test_empty_lines_and_blanks_are_ignored(tmp_path: Path) -> None:
    config = mfnet.authors(tmp_path)
    (tmp_path / "test.txt").write_bytes(b"\r\n  00004N \r\n\r\n")

    assert open_dataset(config).test.names == ("00004N",)


def test_all_missing_files_are_faults_and_other_images_stay(tmp_path: Path) -> None:
    from trainer.datasets import find_dataset

    config = mfnet.authors(tmp_path)
    (tmp_path / "images/00001D.png").unlink()
    (tmp_path / "labels/00002D.png").unlink()

    data_set = find_dataset(config)

    assert len(data_set.faults) == 4  # two lines name the first file; then train is empty
    with pytest.raises(DataError, match=r"00001D.*2 more like it and 1 of other kinds"):
        open_dataset(config)


def test_the_root_must_be_given_and_exist(tmp_path: Path) -> None:
    config = mfnet.authors(tmp_path)
    with pytest.raises(DataError, match=r"'mfnet' needs a folder: set data\.root"):
        open_dataset(replace(config, root=None))
    with pytest.raises(DataError, match="does not exist"):
        open_dataset(replace(config, root=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_held_out_share_has_a_range(tmp_path: Path, share: float) -> None:
    config = replace(mfnet.authors(tmp_path), options={"held_out_share": share})

    with pytest.raises(ConfigError, match="held_out_share"):
        open_dataset(config)
