"""The folders of NYU-Depth-v2 and WeedMap, where the variable UMSS_DATA says where they are."""

import os
from pathlib import Path

import pytest

from tests.fakes.data_sets.pictures import link, write_list
from trainer.commands.init import describe_folder
from trainer.commands.setup import read_config
from trainer.config.toml_records import read_toml
from trainer.datasets import open_dataset

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere"))

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)


def linked(source: Path, root: Path, every: int) -> Path:
    """A share of a data set's images, as links, and lists of those."""
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        for path in sorted(folder.iterdir())[::every]:
            link(root / folder.name / path.name, path)
    kept = {path.stem for path in root.rglob("*.png")}
    for path in source.glob("*.txt"):
        names = path.read_text(encoding="utf-8").split()
        write_list(root / path.name, *(name for name in names if name in kept))
    return root


def test_nyu_is_colour_and_depth_in_millimetres_with_a_void_label(tmp_path: Path) -> None:
    root = linked(DATA / "nyu", tmp_path / "nyu", every=20)

    assert describe_folder(root, out=None, printed=False, say=lambda line: None)

    table = read_toml(root / "dataset.toml")
    assert table["modalities"]["rgb"] == {"files": "RGB/{name}.jpg"}
    depth = table["modalities"]["depth"]
    assert depth["bits"] == 16 and 0 < depth["range"][0] < 1500 < 5000 < depth["range"][1] < 11000
    assert table["labels"]["ignore"] == [0] and len(table["classes"]) > 30
    assert table["splits"] == {"train": "train.txt", "val": 0.15, "test": "test.txt"}
    assert read_config(root).data.modalities == ("rgb", "depth")


def test_weedmap_is_three_bands_without_rgb(tmp_path: Path) -> None:
    root = linked(DATA / "weedmap", tmp_path / "weedmap", every=5)

    assert describe_folder(root, out=None, printed=False, say=lambda line: None)

    table = read_toml(root / "dataset.toml")
    assert list(table["modalities"]) == ["red", "green", "nir"]
    assert len(table["classes"]) == 3 and table["labels"]["ignore"] == [255]
    data_set = open_dataset(read_config(root).data)
    assert len(data_set.train) and len(data_set.val) and len(data_set.test)
