"""Each layout gets the description it should, and that description opens the data set."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets.pictures import HEIGHT, WIDTH, noise, save, write_list
from tests.unit.trainer.drafting.layouts import LAYOUTS, NAMES, areas, colour
from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset
from trainer.datasets.headers import array_shape
from trainer.drafting import Draft, description_text, draft_description
from trainer.errors import DataError


def silent(what: str, done: int, total: int) -> None:
    """Progress is not shown."""


def drafted(root: Path) -> Draft:
    return draft_description(root, silent)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognised(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    layout.make(tmp_path)

    draft = drafted(tmp_path)

    found = {modality: table.settings["files"] for modality, table in draft.modalities.items()}
    assert found == layout.modalities
    label = draft.classes and draft.classes.table.settings["files"]
    assert label == layout.label
    assert draft.splits.settings == layout.splits


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_drafted_description_opens_its_folder(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    layout.make(tmp_path)
    draft = drafted(tmp_path)
    (tmp_path / "dataset.toml").write_text(description_text(draft, folder=None), encoding="utf-8")

    data_set = open_dataset(
        DataConfig(name="folder", root=str(tmp_path), modalities=tuple(draft.modalities))
    )

    data_set.source.check()
    splits = data_set.splits().values()
    assert sum(len(split) for split in splits) == layout.images
    assert all(split.labelled == (layout.label is not None) for split in splits)


def test_a_description_may_be_elsewhere(tmp_path: Path) -> None:
    root = tmp_path / "my images"
    LAYOUTS["scenes"].make(root)
    file = tmp_path / "mine.toml"
    file.write_text(description_text(drafted(root), folder=root), encoding="utf-8")

    data_set = open_dataset(DataConfig(name="folder", root=str(file), modalities=("rgb", "depth")))

    assert data_set.root == root


def test_a_folder_without_images_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images \(it is empty\): give a folder"):
        drafted(tmp_path)
    (tmp_path / "film.mp4").touch()
    with pytest.raises(DataError, match=r"it has \.mp4 files"):
        drafted(tmp_path)


def test_labels_alone_are_no_data_set(tmp_path: Path) -> None:
    LAYOUTS["a folder for each kind"].make(tmp_path)
    for folder in ("RGB", "Thermal_16bit"):
        (tmp_path / folder).rename(tmp_path.parent / folder)
    with pytest.raises(DataError, match="no images that a pattern can describe"):
        drafted(tmp_path)


def test_undescribed_files_are_listed(tmp_path: Path) -> None:
    LAYOUTS["other files beside them"].make(tmp_path)

    left = "\n".join(drafted(tmp_path).left)

    for file in ("overlays/0000.png", "poster.png", ".heic"):
        assert file in left


def test_images_of_many_sizes_may_have_a_modality_of_half_the_size(tmp_path: Path) -> None:
    for number, name in enumerate("abcdefgh"):
        height, width = HEIGHT + 4 * number, WIDTH + 6 * number
        for folder, size in (("rgb", 1), ("thermal", 2)):
            area = noise(folder + name, 0, 255, channels=3)
            picture = PIL.Image.fromarray(area).resize((width // size, height // size))
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            (picture if size == 1 else picture.convert("L")).save(path)

    draft = drafted(tmp_path)

    assert draft.modalities["thermal"].settings["other_size"] == "nearest"
    assert any("taken to show the same view" in doubt for doubt in draft.doubts)
    assert "other_size" not in draft.modalities["rgb"].settings


MASKS: dict[str, tuple[Any, Any]] = {
    "0 and 1": (0, 1),
    "0 and 255": (0, 255),
    "black and white": ((0, 0, 0), (255, 255, 255)),
    "black and red": ((0, 0, 0), (255, 0, 0)),
    "1 bit": (False, True),
}


@pytest.mark.parametrize("is_above", [True, False])
@pytest.mark.parametrize("values", MASKS.values(), ids=MASKS)
def test_masks_of_two_values_are_background_and_object(
    values: tuple[Any, Any], is_above: bool, tmp_path: Path
) -> None:
    LAYOUTS["binary masks"].make(tmp_path)
    where = np.arange(HEIGHT)[:, None].repeat(WIDTH, axis=1) >= HEIGHT // 2
    table = np.array(values)
    table = table if table.dtype == np.bool_ else table.astype(np.uint8)
    for path in (tmp_path / "masks").iterdir():
        save(path, table[(where ^ is_above).astype(int)])

    draft = drafted(tmp_path)

    assert draft.classes is not None and len(draft.classes.names) == 2
    assert any("taken for background and object" in doubt for doubt in draft.doubts)
    (tmp_path / "dataset.toml").write_text(description_text(draft, folder=None), encoding="utf-8")
    data_set = open_dataset(
        DataConfig(name="folder", root=str(tmp_path), modalities=("rgb", "thermal"))
    )
    assert set(np.unique(data_set.source.label("0000"))) == {0, 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("# held out\n0007\n", "'# held out' is not an image here; remove a first line"),
        ("0007\n0007\n", "again in line 2"),
        ("x" * 1000, f"'{'x' * 60}…' is not an image here"),
    ],
)
def test_a_list_that_is_not_used_is_named(content: str, reason: str, tmp_path: Path) -> None:
    LAYOUTS["lists of paths and names"].make(tmp_path)
    (tmp_path / "lists/test.txt").write_text(content)

    draft = drafted(tmp_path)

    assert draft.splits.settings["test"] == 0.15
    said = next(doubt for doubt in draft.doubts if "is not used" in doubt)
    assert said.startswith("splits: lists/test.txt is not used: ") and reason in said


def test_a_second_list_of_a_split_is_named(tmp_path: Path) -> None:
    LAYOUTS["several lists"].make(tmp_path)

    said = [doubt for doubt in drafted(tmp_path).doubts if "as well" in doubt]

    assert len(said) == 2
    assert said[0] == (
        "splits: ImageSets/Segmentation/train-old.txt, ImageSets/Main/train.txt may be a list of"
        " train as well; ImageSets/Segmentation/train.txt is used"
    )


@pytest.mark.parametrize("line", ["x" * 300, "/elsewhere/" + "x" * 300, "/elsewhere/0000.png"])
def test_a_list_of_other_files_is_refused_in_one_line(line: str, tmp_path: Path) -> None:
    LAYOUTS["lists of paths and names"].make(tmp_path)
    draft = drafted(tmp_path)
    (tmp_path / "dataset.toml").write_text(description_text(draft, folder=None), encoding="utf-8")
    write_list(tmp_path / "lists/train_split.txt", line)

    with pytest.raises(DataError, match="but there is no file") as caught:
        open_dataset(DataConfig(name="folder", root=str(tmp_path), modalities=("rgb",)))
    assert "\n" not in str(caught.value)


def test_where_no_image_can_be_read_the_reason_is_given(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    for name in NAMES:
        (tmp_path / f"rgb/{name}.png").write_text("version https://git-lfs.github.com/spec/v1")

    with pytest.raises(DataError, match="no image that can be read; cannot decode the image"):
        drafted(tmp_path)


def test_an_array_without_numbers_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    LAYOUTS["single bands"].make(tmp_path)
    np.save(tmp_path / "NDVI/0003.npy", np.zeros((0, 0), dtype=np.float32))

    assert "ndvi" in drafted(tmp_path).modalities
    with pytest.raises(DataError, match="holds no number"):
        array_shape(tmp_path / "NDVI/0003.npy")


def test_minus_one_is_no_class(tmp_path: Path) -> None:
    LAYOUTS["numbers in TIFFs"].make(tmp_path)
    for path in (tmp_path / "ortho/gt").iterdir():
        save(path, areas().astype(np.int32) - 1)

    draft = drafted(tmp_path)

    assert draft.classes is not None and len(draft.classes.names) == 2
    assert draft.classes.table.settings["ignore"] == [-1]
    (tmp_path / "dataset.toml").write_text(description_text(draft, folder=None), encoding="utf-8")
    data_set = open_dataset(DataConfig(name="folder", root=str(tmp_path), modalities=("rgb",)))
    assert set(np.unique(data_set.source.label("0000"))) == {0, 1, 255}


def test_lossy_and_soft_masks_are_doubted(tmp_path: Path) -> None:
    LAYOUTS["binary masks"].make(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        soft = np.linspace(0, 254, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
        PIL.Image.fromarray(soft).save(path.with_suffix(".jpg"))
        path.unlink()

    said = "\n".join(drafted(tmp_path).doubts)

    assert "8 files are JPEG, which changes labels at edges" in said
    assert "different values; edges may be soft" in said


@pytest.mark.parametrize(
    ("most", "stored", "period"),
    [
        (3.1, np.float32, 3.14159265),
        (179, np.float32, 180),
        (179, np.uint8, 180),
        (255, np.uint8, 256),
        (65535, np.uint16, 65536),
    ],
)
def test_the_full_turn_of_an_angle_holds_its_numbers(
    most: float, stored: Any, period: float, tmp_path: Path
) -> None:
    for name in NAMES:
        colour(tmp_path / f"rgb/{name}.png")
        turn = np.linspace(0, most, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(stored)
        save(tmp_path / f"aolp/{name}.{'npy' if stored is np.float32 else 'png'}", turn)

    assert drafted(tmp_path).modalities["aolp"].settings["period"] == period


@pytest.mark.parametrize("number", [-9999, -1, 65535])
def test_a_number_far_from_all_others_was_not_measured(number: int, tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"rgb/{name}.png")
        depth = noise(name, 900, 4000, np.uint16).astype(np.int32)
        depth[:2] = number
        depth[2] = 0
        save(tmp_path / f"depth/{name}.npy", depth)

    draft = drafted(tmp_path)

    settings = draft.modalities["depth"].settings
    assert (settings["holes"], settings["hole_values"]) == ("larger", [number, 0])
    assert 0 < settings["range"][0] < settings["range"][1] < 5000
    assert any(f"depth: {number} is far from all other numbers" in each for each in draft.doubts)
    assert any("of the pixels are 0, taken as not measured" in each for each in draft.doubts)


def test_a_number_among_the_others_is_a_measurement(tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"rgb/{name}.png")
        values = noise(name, -3, 2, np.int16).astype(np.float32)
        save(tmp_path / f"ndvi/{name}.npy", values)

    assert "hole_values" not in drafted(tmp_path).modalities["ndvi"].settings


def test_bands_that_are_not_read_are_named(tmp_path: Path) -> None:
    """Such a TIFF does not say what its fourth band is (ExtraSamples is 0)."""
    (tmp_path / "tiles").mkdir()
    for name in NAMES:
        pixels = noise(name, 0, 255, channels=4).tobytes()
        picture = PIL.Image.frombytes("RGBX", (WIDTH, HEIGHT), pixels)
        picture.save(tmp_path / f"tiles/{name}.tif")

    said = "\n".join(drafted(tmp_path).doubts)

    assert "rgb: files have 4 bands, of which the first 3 are read" in said


@pytest.mark.parametrize("file", ["labels/0000.txt", "annotations/instances_train.json"])
def test_outlines_are_named(file: str, tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"images/{name}.png")
    write_list(tmp_path / file, "0 0.5 0.5 0.1 0.1")

    left = "\n".join(drafted(tmp_path).left)

    assert f"1 files such as {file} not read: outlines and boxes are no labels here" in left


def test_a_folder_that_is_not_in_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/rgb_\xe4"
    os.mkdir(folder)
    colour(tmp_path / "a.png")
    os.rename(os.fsencode(tmp_path / "a.png"), folder + b"/a.png")

    with pytest.raises(DataError, match="is not in UTF-8: rename it"):
        drafted(tmp_path)


def doubts_of(root: Path) -> str:
    return "\n".join(drafted(root).doubts)


def test_evenly_spread_greys_are_classes(tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"images/{name}.png")
        save(tmp_path / f"labels/{name}.png", np.array([0, 127, 255], np.uint8)[areas()])
    draft = drafted(tmp_path)
    assert draft.classes is not None
    assert draft.classes.table.settings["numbers"] == [0, 127, 255]
    assert draft.classes.table.settings["ignore"] == []
    assert "0, 127, 255 are evenly spread, so 255 is a class" in "\n".join(draft.doubts)


@pytest.mark.parametrize("file", ["splits.json", "train.json", "split.csv", "splits.yaml"])
def test_splits_in_another_form_are_named(file: str, tmp_path: Path) -> None:
    LAYOUTS["a folder for each kind"].make(tmp_path)
    (tmp_path / file).write_text("{}")
    assert f"splits: {file} is not used: write a list of names" in doubts_of(tmp_path)


def test_a_list_with_a_header_is_named(tmp_path: Path) -> None:
    LAYOUTS["a folder for each kind"].make(tmp_path)
    (tmp_path / "train.csv").write_text("image,label\n0000,0000\n")
    said = "'image,label' is not an image here; remove a first line that names columns"
    assert said in doubts_of(tmp_path)


def test_transparent_pixels_of_labels_are_counted(tmp_path: Path) -> None:
    stored = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    stored[areas() == 1] = [255, 0, 0, 255]
    stored[areas() == 2] = [0, 255, 0, 255]
    for name in NAMES:
        colour(tmp_path / f"images/{name}.png")
        save(tmp_path / f"labels/{name}.png", stored)
    hidden = (areas() == 0).mean()
    assert f"labels: {hidden:.1%} of the pixels are transparent" in doubts_of(tmp_path)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (np.zeros((HEIGHT, WIDTH), np.float32), "holds float32 of shape"),
        (np.zeros((HEIGHT, WIDTH), np.int32), "it holds 1 class"),
    ],
)
def test_labels_without_classes_say_why(stored: Any, reason: str, tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"images/{name}.png")
        save(tmp_path / f"labels/{name}.npy", stored)
    draft = drafted(tmp_path)
    assert draft.classes is None
    assert any("not described" in line and reason in line for line in draft.left)


def test_masks_of_one_class_each_are_named(tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"images/{name}.png")
        for kind in ("crop", "weed"):
            save(tmp_path / f"masks/{kind}/{name}.png", (areas() == 1).astype(np.uint8) * 255)
    said = "crop, weed look like one mask for each class: merge them into one PNG"
    assert any(said in line for line in drafted(tmp_path).left)


def test_outlines_beside_the_images_are_named(tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.json").write_text("{}")
    assert any("outlines and boxes are no labels here" in line for line in drafted(tmp_path).left)


def test_images_that_cannot_be_read_are_to_be_checked(tmp_path: Path) -> None:
    for name in NAMES:
        save(tmp_path / f"thermal/{name}.png", noise(name, 0, 255))
        (tmp_path / "rgb").mkdir(exist_ok=True)
        (tmp_path / f"rgb/{name}.png").write_bytes(b"nothing")
    assert "rgb/0000.png and 7 more not described: no file can be read" in doubts_of(tmp_path)


@pytest.mark.parametrize("folder", ["rgb{a}", "rgb**", "{name}"])
def test_folders_with_a_character_of_patterns_are_refused(folder: str, tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / folder / f"{name}.png")
    with pytest.raises(DataError, match="which have a meaning in a description: rename it"):
        drafted(tmp_path)


def test_names_with_braces_are_read_or_refused(tmp_path: Path) -> None:
    for name in NAMES:
        colour(tmp_path / f"rgb/{{name}}{name}.png")
    assert drafted(tmp_path).modalities["rgb"].settings["files"] == "rgb/{name}.png"


def test_a_file_for_each_band_is_to_be_checked(tmp_path: Path) -> None:
    for name in NAMES:
        for band in (1, 2):
            save(tmp_path / f"images/IMG_{name}_{band}.png", noise(f"{name}{band}", 0, 255))
        save(tmp_path / f"labels/IMG_{name}.png", areas())
    said = (
        "if each number is a band, describe each as a modality, such as files = 'images/{name}_1"
    )
    assert said in doubts_of(tmp_path)


def test_numbered_frames_are_no_bands(tmp_path: Path) -> None:
    LAYOUTS["a folder for each kind"].make(tmp_path)
    assert "is a band" not in doubts_of(tmp_path)
