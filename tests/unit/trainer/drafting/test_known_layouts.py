from pathlib import Path

import pytest

from tests.fakes.data_sets.nyu import LAYOUTS as NYU
from tests.unit.trainer.drafting.layouts import LAYOUTS
from trainer.commands.init import describe_folder
from trainer.config.presets import read_preset
from trainer.drafting.known_layouts import known_layout


def test_a_known_data_set_suggests_presets_with_installed_weights_first(tmp_path: Path) -> None:
    NYU["archive"](tmp_path)

    found = known_layout(tmp_path)

    assert found is not None
    name, presets = found
    assert name == "nyu"
    assert presets[0] == "nyu-cpu"
    assert {"nyu-s16", "nyu-b16"} <= set(presets)
    assert {read_preset(preset)["data"]["name"] for preset in presets} == {"nyu"}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_folders_of_a_users_own_are_not_mistaken(tmp_path: Path, layout: str) -> None:
    LAYOUTS[layout].make(tmp_path)

    assert known_layout(tmp_path) is None


def test_labels_of_other_classes_are_not_mistaken(tmp_path: Path) -> None:
    NYU["archive"](tmp_path)
    for folder in tmp_path.glob("[Ll]abel*"):
        for path in folder.iterdir():
            path.write_bytes(b"no label")

    assert known_layout(tmp_path) is None


def test_init_says_so(tmp_path: Path) -> None:
    NYU["common"](tmp_path)
    lines: list[str] = []

    describe_folder(tmp_path, out=None, printed=False, say=lines.append)

    said = [line for line in lines if "data set 'nyu'" in line]
    assert len(said) == 1
    assert f"search launch --preset nyu-cpu --data {tmp_path}" in said[0]
