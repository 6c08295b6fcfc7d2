"""The preset below a file, its note, and the comparison with a named study."""

from pathlib import Path
from typing import Any

import pytest

from search.config.assignments import nested
from search.config.configuration import continued, resolve, resolve_layers
from search.errors import SettingsError
from trainer.commands.setup import read_config, run_of
from trainer.config.configuration import TrainConfig
from trainer.config.layers import lay_over
from trainer.config.sources import Layers, read_layers
from trainer.errors import ConfigError

KITCHEN = '[data]\nroot = "/data/kitchen"\n[training]\niterations = 50\n'


def file_of(folder: Path, text: str, name: str = "kitchen.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def layers_of(folder: Path, text: str, *, preset: str | None = None, **flags: Any) -> Layers:
    return read_layers(preset, file_of(folder, text), nested(flags))


@pytest.mark.parametrize(
    ("text", "preset"),
    [
        (KITCHEN, "own"),
        ('[data]\nname = "mfnet"\n', "defaults"),
        ('base = "mfnet-s16"\n[data]\nroot = "/data/mfnet"\n', "mfnet-s16"),
        ('base = "rooms"\n', "rooms"),
        ('[data]\nname = "rooms"\n', "rooms"),
        ("[training]\niterations = 10\n", "rooms"),
    ],
)
def test_both_commands_take_the_same_preset(tmp_path: Path, text: str, preset: str) -> None:
    layers = layers_of(tmp_path, text)
    assert layers.preset == preset
    search, run = resolve_layers(layers).train, read_config(tmp_path / "kitchen.toml")
    assert run == run_of(layers)
    for table in ("data", "backbone", "features", "method", "evaluation"):
        assert getattr(search, table) == getattr(run, table)
    if preset != "mfnet-s16":  # a search of a published run has the published search's length
        assert search == run


def test_own_data_gets_pretrained_features_instead_of_hand_made_ones(tmp_path: Path) -> None:
    config, default = resolve(None, file_of(tmp_path, KITCHEN), {}).train, TrainConfig()
    assert (config.data.name, config.data.root) == ("folder", "/data/kitchen")
    assert config.training.iterations == 50
    assert config.backbone.name == "efficientnet-lite0" != default.backbone.name
    assert config.features == default.features
    assert resolve(None, None, {}).train.data.name == "rooms"
    assert resolve(None, None, {"data": {"root": "/x"}}).train.data.name == "folder"


def test_a_study_is_named_after_the_file_or_the_folder(tmp_path: Path) -> None:
    def title(file: Path | None, **flags: Any) -> str:
        return read_layers(None, file, nested(flags)).title

    assert title(file_of(tmp_path, KITCHEN, "My Kitchen (2).toml")) == "my-kitchen-2"
    assert title(None, **{"data.root": "/data/Küche 7"}) == "küche-7"
    assert title(None, **{"data.root": "/"}) == "own"
    assert title(None) == "rooms"
    assert title(file_of(tmp_path, "[training]\niterations = 9\n")) == "rooms"


def test_the_source_of_each_setting_is_shown(tmp_path: Path) -> None:
    file = file_of(tmp_path, KITCHEN)
    layers = read_layers(None, file, nested({"search.trials": 5, "search.seed": None}))
    assert layers.lines() == (
        "settings: preset own: for your own data",
        f"settings from {file}: data.root, training.iterations",
        "settings from flags: search.trials",
    )


def test_a_flag_and_a_file_that_name_two_presets_are_refused(tmp_path: Path) -> None:
    file = file_of(tmp_path, 'base = "rooms"\n')
    assert read_layers("rooms", file).preset == "rooms"
    with pytest.raises(ConfigError, match="--preset own was given: leave one of them out"):
        read_layers("own", file)
    with pytest.raises(SettingsError, match="unknown preset 'moon'"):
        resolve(None, file_of(tmp_path, 'base = "moon"\n'), {})
    with pytest.raises(ConfigError, match="base = 3 should be the name of a preset"):
        read_layers(None, file_of(tmp_path, "base = 3\n"))


def test_a_fixed_rate_is_read_by_both_commands(tmp_path: Path) -> None:
    file = file_of(tmp_path, "[hyper]\nlearning_rate = 0.01\n")
    assert read_config(file).training.learning_rate == 0.01
    assert resolve(None, file, {}).train.training.learning_rate == 0.01


STORED = {"method": {"code_dim": 12}, "search": {"trials": 6, "ranges": {"b_self": [0.1, 0.5]}}}


def compared(flags: dict[str, Any] | None = None, *, preset: str | None = None) -> list[str]:
    stored = resolve("rooms", None, STORED).to_table()
    return continued(stored, read_layers(preset, None, nested(flags or {})))[1]


def test_a_named_study_is_compared_only_with_given_settings() -> None:
    assert compared() == []
    assert compared(preset="rooms") == []
    assert compared({"search.trials": 50, "data.root": "/moved"}) == []
    assert compared({"method.code_dim": 12, "search.seed": 0}) == []
    assert compared({"search.seed": 1}) == ["search.seed: 0 → 1"]
    assert compared({"hyper": {"b_self": 0.3}}) == [
        "hyper.b_self: not set → 0.3",
        "search.ranges.b_self: [0.1, 0.5] → not set",
    ]
    assert compared(preset="mfnet-s16") == ["data.name: rooms → mfnet"]
    assert compared({"method.name": "stego"}) == ["method.name: unim2 → stego"]


def test_one_rule_lays_tables_over_each_other(tmp_path: Path) -> None:
    """Earlier names, fixed and searched settings, options of another method: for both commands."""
    renamed = file_of(tmp_path, '[method]\npre_norm = "none"\n')
    for config in (read_config(renamed), resolve(None, renamed, {}).train):
        assert getattr(config.method.options, "pre_norm", None) == "none"
    other = file_of(tmp_path, '[method]\nname = "stego"\n')
    for config in (read_config(other), resolve(None, other, {}).train):
        assert config.method.name == "stego"
    fixed = lay_over({"search": {"ranges": {"b_self": [0, 1]}}}, {"hyper": {"b_self": 0.5}})
    assert fixed == {"search": {"ranges": {}}, "hyper": {"b_self": 0.5}}


def test_a_continued_study_keeps_its_configuration_except_trials_and_paths() -> None:
    stored = resolve("rooms", None, STORED)
    layers = read_layers(None, None, nested({"search.trials": 9, "backbone.weights": "/w"}))
    config, _ = continued(stored.to_table(), layers)
    assert config.train.method == stored.train.method
    assert (config.search.trials, config.train.backbone.weights) == (9, "/w")
