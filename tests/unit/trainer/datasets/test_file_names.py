"""Files are found in every spelling and nesting of names, and unused ones are reported."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.data_sets.pictures import noise, save, write_list
from tests.inputs.orientation import write_tagged
from trainer.config.configuration import DataConfig, TrainConfig
from trainer.datasets import DataSet, find_dataset, open_dataset
from trainer.datasets.file_tree import FileTree
from trainer.datasets.folder.patterns import FilePattern
from trainer.datasets.lists import check_apart, read_list
from trainer.datasets.names import fold, name_in, same_kind
from trainer.errors import ConfigError, DataError
from trainer.features import validate

NFC, NFD = (unicodedata.normalize(form, "köln") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("file", "before", "after", "name"),
    [
        ("a.JPG", "", ".jpg", "a"),
        ("a.jpeg", "", ".JPG", "a"),
        ("a.png", "", ".jpg", None),
        ("a_depth.PNG", "", "_depth.png", "a"),
        ("rgb_a.tif", "rgb_", ".tiff", "a"),
        (".png", "", ".png", None),
        ("_depth.png", "", "_depth.png", None),
        ("a.b.png", "", ".png", "a.b"),
        ("a.pgm", "", "", "a.pgm"),
        (f"{NFD}_a.png", f"{NFC}_", ".png", "a"),
        (f"{NFD}.png", "", ".png", NFD),  # as the file has it
    ],
)
def test_a_name_is_the_text_between_start_and_end_of_a_file_name(
    file: str, before: str, after: str, name: str | None
) -> None:
    assert name_in(file, before, after) == name


def test_spellings_of_one_name_are_the_same() -> None:
    assert fold(f"{NFD}.JPEG") == fold(f"{NFC}.jpg") != fold(f"{NFC}.png")
    assert same_kind("a.TIF", "b.tiff") and not same_kind("a.png", "b.jpg")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in (f"{NFC}.png", f"{NFD}.png", "sound.png"):
        (tmp_path / name).touch()
    tree = FileTree(tmp_path)

    assert tree.find(tmp_path / "sound.PNG") == tmp_path / "sound.png"
    assert tree.find(tmp_path / "other.png") is None
    with pytest.raises(
        DataError, match=r"have the same name apart from the case or form.*keep one of them"
    ):
        tree.find(tmp_path / f"{NFC}.png")


def test_a_link_to_a_parent_folder_does_not_loop(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/x.png").touch()
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")

    assert list(FileTree(tmp_path).files(tmp_path / "a", deep=True)) == [tmp_path / "a/b/x.png"]


@pytest.mark.parametrize(
    ("pattern", "file", "name"),
    [
        ("colour/{name}.png", "colour/a.png", "a"),
        ("colour/{name}.png", "colour/day2/a.png", None),
        ("colour/**/{name}.png", "colour/day2/b/a.png", "day2/b/a"),
        ("colour/**/{name}.png", "colour/a.png", "a"),
        ("colour/**/c_{name}.png", "colour/day2/c_a.PNG", "day2/a"),
        ("**/c/{name}.png", "day2/b/c/a.png", "day2/b/a"),
        ("**/c/{name}.png", "c/a.png", "a"),
        ("**/c/{name}.png", "day2/a.png", None),
        ("x/**/c/d/{name}.png", "x/day2/c/d/a.png", "day2/a"),
        ("x/**/c/d/{name}.png", "x/d/a.png", None),
        ("{name}/thermal.png", "a/thermal.png", "a"),
        ("{name}/thermal.png", "a/rgb.png", None),
        ("x_{name}_y/thermal.png", "x_a_y/thermal.png", "a"),
        ("{name}.png", "a.png", "a"),
        ("{split}_rgb/{name}.png", "train_rgb/a.png", "train/a"),
        ("{split}_rgb/{name}.png", "train_depth/a.png", None),
        ("{split}_rgb/{name}.png", "_rgb/a.png", None),
        ("{split}_rgb/{name}.png", "train_rgb/day/a.png", None),
        ("{split}_rgb/{name}.png", "a.png", None),
        ("x/rgb-{split}/{name}_c.png", "x/rgb-val/a_c.png", "val/a"),
        ("{split}A/**/{name}.png", "trainA/day/a.png", "train/day/a"),
        ("{split}A/**/rgb/{name}.png", "trainA/day/rgb/a.png", "train/day/a"),
        ("{split}A/{name}/rgb.png", "trainA/a/rgb.png", "train/a"),
    ],
)
def test_a_pattern_knows_its_files(pattern: str, file: str, name: str | None) -> None:
    assert FilePattern(pattern).match(file) == name
    if name is not None:
        assert fold(FilePattern(pattern).path(name).as_posix()) == fold(file)


@pytest.mark.parametrize("text", ["a/*/{name}.png", "a/**/b/**/{name}.png", "a/**/{name}/t.png"])
def test_folders_of_a_name_are_printed_once_before_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no other '\*' than one '\*\*/' before it"):
        FilePattern.check("modalities.rgb.files", text)


@pytest.mark.parametrize(
    "text",
    [
        "{split}_{name}.png",
        "**/{split}/{name}.png",
        "a/{name}/{split}/x.png",
        "{name}/{split}.png",
    ],
)
def test_a_split_is_a_folder_above_the_rest(text: str) -> None:
    with pytest.raises(ConfigError, match=r"has \{split\} in a wrong place: use it in the"):
        FilePattern.check("modalities.rgb.files", text)


def test_a_split_is_named_once() -> None:
    with pytest.raises(ConfigError, match=r"must contain \{name\} once"):
        FilePattern.check("modalities.rgb.files", "{split}/{split}_rgb/{name}.png")


def frames(root: Path, description: str, *modalities: str) -> DataConfig:
    text = f"classes = 2\n{description}\n[splits]\nval = 0.3\ntest = 0.3\n"
    (root / "dataset.toml").write_text(text, encoding="utf-8")
    return DataConfig(name="folder", root=str(root), modalities=modalities)


def names(data_set: DataSet) -> set[str]:
    return {name for split in data_set.splits().values() for name in split.names}


RGB = '[modalities.rgb]\nfiles = "colour/{name}.png"\n'


def test_files_in_subfolders_are_reported_with_a_pattern_that_matches_them(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "day2/d", "day2/e"):
        save(tmp_path / f"colour/{name}.png", noise(name, 0, 255, channels=3))

    flat = open_dataset(frames(tmp_path, RGB, "rgb"))
    (line,) = flat.unused
    assert names(flat) == {"a", "b", "c"}
    assert "2 files are in" in line and "day2/d.png, day2/e.png" in line

    wanted = line.partition("write files = '")[2].partition("'")[0]
    deep = open_dataset(frames(tmp_path, RGB.replace("colour/{name}.png", wanted), "rgb"))
    assert names(deep) == {"a", "b", "c", "day2/d", "day2/e"} and deep.unused == ()


def test_validating_returns_the_notes_that_every_command_prints(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c", "day2/d")):
        (tmp_path / f"colour/{name}.png").parent.mkdir(parents=True, exist_ok=True)
        pixels = noise(name, 0, 255, channels=3)
        write_tagged(tmp_path / f"colour/{name}.png", pixels, 3 if number == 0 else 1)

    notes = validate(TrainConfig(data=frames(tmp_path, RGB, "rgb"))).notes

    assert any("day2/d.png" in note for note in notes)
    assert any("orientation says: 1 of 3 rgb (3)" in note for note in notes)


def test_a_folder_with_only_another_kind_is_reported_with_the_pattern_to_write(
    tmp_path: Path,
) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / f"colour/day1/{name}.png", noise(name, 0, 255, channels=3))

    with pytest.raises(DataError, match=r"day1/a\.png.*write files = 'colour/\*\*/\{name\}\.png'"):
        open_dataset(frames(tmp_path, RGB, "rgb"))


SHARED = """
[modalities.rgb]
files = "frames/{name}.png"
[modalities.depth]
files = "frames/{name}_depth.png"
encoding = "grey"
bits = 16
"""


@pytest.mark.parametrize("modalities", [("rgb", "depth"), ("rgb",)])
def test_a_file_belongs_to_the_pattern_that_fits_it_most_closely(
    tmp_path: Path, modalities: tuple[str, ...]
) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / f"frames/{name}.png", noise(name, 0, 255, channels=3))
        save(tmp_path / f"frames/{name}_depth.png", noise(name, 0, 999, np.uint16))

    data_set = open_dataset(frames(tmp_path, SHARED, *modalities))

    assert names(data_set) == {"a", "b", "c"} and data_set.unused == ()
    data_set.source.check()


def test_another_kind_that_is_not_described_is_refused_with_its_pattern(tmp_path: Path) -> None:
    for name in ("a_1", "a_2", "a_3"):
        save(tmp_path / f"frames/{name}.png", noise(name, 0, 255, channels=3))
        save(tmp_path / f"frames/{name}_flip.png", noise(name, 0, 255, channels=3))
    alone = RGB.replace("colour", "frames")
    assert len(names(open_dataset(frames(tmp_path, alone, "rgb")))) == 6  # of one kind

    for name in ("a_1", "a_2", "a_3"):
        save(tmp_path / f"frames/{name}_depth.png", noise(name, 0, 999, np.uint16))
    with pytest.raises(
        DataError, match=r"files = 'frames/\{name\}_depth\.png' in its own table"
    ) as raised:
        open_dataset(frames(tmp_path, alone, "rgb"))
    assert "a_1_depth.png (1 x " in str(raised.value) and "\n" not in str(raised.value)


def test_files_of_no_listed_image_are_noted(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        save(tmp_path / f"colour/{name}.png", noise(name, 0, 255, channels=3))
    config = frames(tmp_path, RGB, "rgb")
    write_list(tmp_path / "train.txt", "a", "b", "c")
    path = tmp_path / "dataset.toml"
    text = path.read_text(encoding="utf-8").replace("[splits]", '[splits]\ntrain = "train.txt"')
    path.write_text(text, encoding="utf-8")

    data_set = open_dataset(config)

    assert data_set.notes[-1].startswith("files of no image in the splits, not used: 1 in ")
    assert data_set.notes[-1].endswith("(d.png)") and data_set.unused == ()


def test_an_image_in_two_forms_of_its_name_is_one(tmp_path: Path) -> None:
    description = RGB + '[modalities.nir]\nfiles = "nir/{name}.png"\nencoding = "grey"\n'
    for name in ("a", "b", "c"):
        save(tmp_path / f"colour/{name}{NFD}.png", noise(name, 0, 255, channels=3))
        save(tmp_path / f"nir/{name}{NFC}.png", noise(name, 0, 255))

    data_set = find_dataset(frames(tmp_path, description, "rgb", "nir"))

    assert data_set.faults == () and names(data_set) == {f"{name}{NFD}" for name in "abc"}


def test_lists_compare_names_in_either_form(tmp_path: Path) -> None:
    write_list(tmp_path / "twice.txt", NFC, NFD)

    with pytest.raises(DataError, match="in line 1 and again in line 2"):
        read_list(tmp_path / "twice.txt")
    with pytest.raises(DataError, match="which is the same image"):
        check_apart({"train.txt": (NFC,), "test.txt": (NFD,)})


def test_additional_files_of_cityscapes_are_not_reported_as_unused(street: Path) -> None:
    label = next((street / "gtFine/train/bonn").iterdir())
    for kind in ("color.png", "instanceIds.png", "polygons.json"):
        label.with_name(label.name.replace("labelIds.png", kind)).touch()
    config = DataConfig(name="cityscapes", root=str(street), modalities=("rgb", "disparity"))
    assert open_dataset(config).unused == ()

    label.with_name("notes.docx").touch()
    assert "notes.docx" in open_dataset(replace(config, modalities=("rgb",))).unused[0]
