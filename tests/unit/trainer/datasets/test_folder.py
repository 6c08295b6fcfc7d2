from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets import folder
from tests.fakes.data_sets.pictures import noise, save, write_list
from trainer.config.configuration import DataConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.folder.description import read_description
from trainer.errors import ConfigError, DataError, TrainerError

NAME = folder.NAMES[0]


def edit(config: DataConfig, old: str, new: str) -> DataConfig:
    """Change the description once."""
    path = Path(config.root or "") / "dataset.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return config


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    return folder.lists(tmp_path)


@pytest.fixture
def data_set(config: DataConfig) -> DataSet:
    return open_dataset(config)


def test_colour_is_read_unchanged(data_set: DataSet) -> None:
    stored = noise(NAME, 0, 255, channels=3)

    assert np.array_equal(np.round(data_set.source.image(NAME, "rgb") * 255), stored)


def test_a_range_becomes_black_to_white(data_set: DataSet) -> None:
    stored = noise(f"{NAME} t", 18000, 42000, np.uint16).astype(np.float64)
    thermal = data_set.source.image(NAME, "thermal")
    assert np.allclose(thermal[:, :, 1], ((stored - 20000) / 20000).clip(0, 1), atol=1e-6)

    stored = noise(f"{NAME} h", -2, 31, np.float64)
    height = data_set.source.image(NAME, "height")
    assert np.allclose(height[:, :, 2], ((stored + 1) / 31).clip(0, 1), atol=1e-6)


def test_the_default_range_is_that_of_the_bits(config: DataConfig) -> None:
    source = open_dataset(edit(config, "range = [20000, 40000]\n", "")).source
    stored = noise(f"{NAME} t", 18000, 42000, np.uint16)

    assert np.allclose(source.image(NAME, "thermal")[:, :, 0], stored / 65535, atol=1e-7)


def test_an_angle_has_no_seam(data_set: DataSet, tmp_path: Path) -> None:
    degrees = np.tile(np.array([0, 45, 90, 179.9, 180]), (2, 1))
    save(tmp_path / f"angle/{NAME}.npy", degrees)

    image = data_set.source.image(NAME, "angle")[0]

    assert np.allclose(image[0], [0.5, 1.0, 0.5])
    assert np.allclose(image[1], [1.0, 0.5, 0.5], atol=1e-6)
    assert np.allclose(image[2], [0.5, 0.0, 0.5], atol=1e-6)
    assert np.abs(image[3] - image[0]).max() < 0.01 and np.allclose(image[4], image[0], atol=1e-6)


def test_labels_begin_where_the_description_says(data_set: DataSet, tmp_path: Path) -> None:
    stored = np.asarray(PIL.Image.open(tmp_path / f"labels/{NAME}.png")).astype(int)

    assert np.array_equal(data_set.source.label(NAME), np.where(stored == 0, 255, stored - 1))
    assert data_set.classes == ("ground", "plant", "building")
    assert data_set.palette == ((80, 60, 40), (60, 160, 60), (200, 60, 60))


def test_images_in_no_list_are_train(config: DataConfig) -> None:
    data_set = open_dataset(edit(config, 'train = "train.txt"\n', ""))

    assert data_set.train.names == ("a_1", "a_2")
    assert data_set.val.names == ("b_1",) and data_set.test.names == ("c_1",)


def test_shares_take_whole_scenes(tmp_path: Path) -> None:
    config = folder.shares(tmp_path)
    for seed in range(6):
        data_set = open_dataset(replace(config, seed=seed))
        scenes = [{name[0] for name in split.names} for split in data_set.splits().values()]
        assert [len(scene) for scene in scenes] == [1, 1, 1]
        assert not data_set.train.labelled and len(data_set.notes) == 2


def test_names_may_have_folders_where_lists_name_them(tmp_path: Path) -> None:
    text = 'classes = 2\n[modalities.rgb]\nfiles = "{name}.png"\n'
    (tmp_path / "dataset.toml").write_text(text + '[splits]\ntrain = "all.txt"', encoding="utf-8")
    names = [f"day{day}/{number}" for day in (1, 2) for number in range(2)]
    for name in names:
        save(tmp_path / f"{name}.png", noise(name, 0, 255, channels=3))
    write_list(tmp_path / "all.txt", *names)

    data_set = open_dataset(DataConfig(name="folder", root=str(tmp_path), modalities=("rgb",)))

    assert {*data_set.train.names, *data_set.val.names, *data_set.test.names} == set(names)
    assert data_set.classes == ("class 0", "class 1") and len(set(data_set.palette)) == 2


def test_hidden_files_are_not_images(tmp_path: Path) -> None:
    config = folder.shares(tmp_path)
    before = open_dataset(config).splits()
    (tmp_path / "colour/._a_1.png").write_bytes(b"x")

    assert open_dataset(config).splits() == before


def test_a_file_without_matching_files_is_reported_for_every_modality(tmp_path: Path) -> None:
    config = folder.shares(tmp_path)
    save(tmp_path / "height/extra_1.npy", np.zeros((32, 48)))

    with pytest.raises(DataError, match=r"'extra_1' but there is no file .*colour/extra_1\.png"):
        open_dataset(config)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range = [20000, 40000]", "range = [20000, 40001]"),
        ("period = 180", "period = 360"),
        ('"plant"', '"plants"'),
        ("[80, 60, 40]", "[80, 60, 41]"),
        ("ignore = [0]", "ignore = [0, 9]"),
    ],
)
def test_settings_that_change_images_or_classes_change_the_identity(
    config: DataConfig, data_set: DataSet, old: str, new: str
) -> None:
    assert open_dataset(edit(config, old, new)).identity != data_set.identity


def test_a_modality_that_is_not_requested_is_ignored(config: DataConfig) -> None:
    alone = replace(config, modalities=("rgb",))
    before = open_dataset(alone).identity

    assert open_dataset(edit(alone, "period = 180", "period = 360")).identity == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("classes =", "clases =", "unknown key 'clases' in the top level: did you mean 'classes'"),
        ('["ground", "plant", "building"]', "[]", "classes are 0: name 2 to 254"),
        ('"plant"', '"ground"', "names 'ground' twice"),
        ('"plant"', '" "', "classes holds the name ' '"),
        ('"plant"', r'"pl\nant"', r"classes holds the name 'pl\\nant'"),
        ("[modalities.thermal]", '[modalities."a,b"]', "has a table 'a,b': name a modality"),
        ("[modalities.thermal]", '[modalities.""]', "has a table '': name a modality"),
        ('["ground", "plant", "building"]', "2.5", "classes = 2.5 should be a list"),
        ("[80, 60, 40], ", "", "palette has 2 colours for 3 classes"),
        ("[80, 60, 40]", "[80, 60, 400]", r"palette has \[80, 60, 400\]: give red"),
        (
            "colour/{name}.png",
            "colour/*.png",
            "modalities.rgb.files = .* must contain {name} once",
        ),
        ("colour/{name}.png", "{name}/{name}.png", "must contain {name} once"),
        ("colour/{name}.png", "../{name}.png", "leaves the data set's folder"),
        ("colour/{name}.png", "/x/{name}.png", "leaves the data set's folder"),
        ('files = "colour/{name}.png"', "", r"\[modalities.rgb\] is incomplete.*'files'"),
        ('"grey"', '"gray"', "encoding = 'gray' is not known: choose one of 'colour', 'grey'"),
        ("bits = 16", "bits = 12", "bits = 12 is not known: choose one of 8, 16"),
        (
            "[20000, 40000]",
            "[40000, 20000]",
            r"thermal.range = \[40000.0, 20000.0\] is not a range",
        ),
        ("[20000, 40000]", "[20000]", "is not a range: give two numbers"),
        ("[20000, 40000]", "[0, inf]", "is not a range"),
        ("range = [-1.0, 30.0]", "", "modalities.height needs range"),
        ("period = 180", "", "modalities.angle needs period"),
        ("period = 180", "period = -1", "modalities.angle needs period"),
        ("bits = 16", "period = 3", "modalities.thermal.period is for encoding = 'angle'"),
        ("period = 180", "period = 180\nrange = [0, 1]", "range is for encoding = 'grey'"),
        ("colour/{name}.png", "height/{name}.npy", "modalities.rgb needs band, the three planes"),
        ("first = 1", "first = 65534", "labels.first = 65534 makes the classes 65534 to 65536"),
        ("ignore = [0]", "ignore = [2]", "labels.ignore has 2: give numbers .* not a class"),
        ('val = "lists/val.txt"', "val = 0.9", "splits.val = 0.9 is out of range"),
        ('val = "lists/val.txt"', 'scene = "("', "scene = '\\(' is not a regular expression"),
        ("classes =", "= 3 #", "is not valid TOML"),
    ],
)
def test_a_wrong_description_is_one_line_with_the_file(
    config: DataConfig, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_dataset(edit(config, old, new))
    assert "dataset.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_without_a_scene_is_reported(tmp_path: Path) -> None:
    config = folder.shares(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(path.read_text().replace('"^[a-z]"', '"^[ab]"'), encoding="utf-8")

    with pytest.raises(DataError, match="finds no scene in the name 'c_1'"):
        open_dataset(config)


def test_the_description_is_required(tmp_path: Path) -> None:
    for root, said in (
        (None, "set data.root to the TOML file"),
        (str(tmp_path), r"there is no .*dataset\.toml"),
        (str(tmp_path / "x.toml"), r"there is no .*x\.toml"),
    ):
        with pytest.raises(DataError, match=said):
            open_dataset(DataConfig(name="folder", root=root, modalities=("rgb",)))


def test_a_pattern_without_any_file_is_reported(tmp_path: Path) -> None:
    config = folder.shares(tmp_path)
    for path in (tmp_path / "colour").iterdir():
        path.unlink()

    with pytest.raises(TrainerError, match=r"no file colour/\{name\}\.png for the modality 'rgb'"):
        open_dataset(config)


def test_the_example_in_the_documentation_is_a_valid_description(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "docs/data.md").read_text(encoding="utf-8")
    example = next(part for part in text.split("```toml\n") if part.startswith("classes = "))
    file = tmp_path / "dataset.toml"
    file.write_text(example.partition("```")[0], encoding="utf-8")

    description = read_description(file)

    assert description.class_names() == ("soil", "plant", "pot")
    assert set(description.modalities) == {"rgb", "thermal", "height", "aolp"}
    assert description.splits.test == "test.txt"


def test_the_tables_in_the_documentation_are_valid_descriptions(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "docs/data.md").read_text(encoding="utf-8")
    parts = [part.partition("```")[0] for part in text.split("```toml\n")[1:]]
    tables = [part for part in parts if part.startswith("[modalities.")]
    assert len(tables) == 2
    for number, table in enumerate(tables):
        file = tmp_path / f"{number}.toml"
        file.write_text(f"classes = 2\n{table}", encoding="utf-8")

        assert read_description(file).modalities
