"""A user's own data bring their modalities, wherever they are named."""

from pathlib import Path
from typing import Any

import pytest

from search.config.assignments import nested
from search.config.configuration import resolve_layers
from trainer.commands.setup import run_of
from trainer.config.sources import read_layers
from trainer.errors import ConfigError

DESCRIPTION = """
classes = ["soil", "plant"]
[modalities.nir]
files = "nir/{name}.png"
encoding = "grey"
[modalities.rgb]
files = "rgb/{name}.png"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A described folder."""
    root = tmp_path / "My field"
    root.mkdir()
    (root / "dataset.toml").write_text(DESCRIPTION, encoding="utf-8")
    return root


def modalities(file: Path | None = None, **flags: Any) -> tuple[str, ...]:
    layers = read_layers(None, file, nested({f"data.{key}": flags[key] for key in flags}))
    return resolve_layers(layers).train.data.modalities


def test_a_search_on_a_described_folder_takes_all_its_modalities(folder: Path) -> None:
    assert modalities(root=str(folder)) == ("rgb", "nir")
    assert modalities(root=str(folder / "dataset.toml")) == ("rgb", "nir")
    assert modalities(folder / "dataset.toml") == ("rgb", "nir")


def test_given_modalities_come_first(folder: Path, tmp_path: Path) -> None:
    assert modalities(root=str(folder), modalities=["nir"]) == ("nir",)
    file = tmp_path / "run.toml"
    file.write_text(f"[data]\nname = 'folder'\nroot = '{folder}'\nmodalities = ['rgb']\n")
    assert modalities(file) == ("rgb",)


def test_a_study_is_named_after_the_folder_that_is_described(folder: Path) -> None:
    assert read_layers(None, folder / "dataset.toml").title == "my-field"
    assert read_layers(None, None, nested({"data.root": str(folder)})).title == "my-field"


def test_the_description_is_listed_among_the_sources(folder: Path) -> None:
    layers = read_layers(None, None, nested({"data.root": str(folder)}))
    assert f"settings from {folder / 'dataset.toml'}: data.modalities" in layers.lines()


def test_search_and_trainer_take_the_same_file_and_refuse_the_same_mistakes(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"[search]\ntrials = 7\n[data]\nname = 'folder'\nroot = '{folder}'\n")
    layers = read_layers(None, file)
    assert resolve_layers(layers).search.trials == 7
    assert run_of(layers).data == resolve_layers(layers).train.data

    file.write_text(f"{file.read_text()}[serach]\ntrials = 7\n")
    for resolved in (run_of, resolve_layers):
        with pytest.raises(ConfigError, match=r"unknown key 'serach' in the top level"):
            resolved(read_layers(None, file))
