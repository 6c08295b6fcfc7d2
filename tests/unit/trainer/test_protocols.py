"""Protocols: their settings, settings that override them, and the name shown with results."""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.commands.setup import read_config
from trainer.config.configuration import DataConfig, TrainConfig
from trainer.config.toml_records import build_record, record_to_table
from trainer.datasets import DATASETS, open_dataset
from trainer.engine.run import Run, config_of
from trainer.errors import ConfigError
from trainer.methods import METHODS
from trainer.protocols import (
    PUBLISHED,
    PUBLISHED_METHOD,
    PUBLISHED_OPTIONS,
    lay_protocol,
    protocol_text,
)

OPTIONS = {name: entry.options for name, entry in DATASETS.items() if entry.options is not None}
#: Equal to their defaults: listed so that a change of them is shown with a result.
UNCHANGED = {"method.options.start", "method.options.target_dropout"}


def text_of(config: TrainConfig) -> str:
    return protocol_text(record_to_table(config))


def resolve(table: Mapping[str, Any]) -> TrainConfig:
    return build_record(TrainConfig, lay_protocol(table))


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {}
        found |= inner or {f"{prefix}{key}": value}
    return found


def test_published_sets_exactly_its_listed_settings() -> None:
    config = resolve({"protocol": "published", "data": {"name": "rooms"}})
    default = flat(record_to_table(TrainConfig()))
    own = flat(record_to_table(config))
    changed = {name for name, value in own.items() if value != default[name]} - {"protocol"}
    named = {*flat(PUBLISHED), *flat({"method": {"options": PUBLISHED_METHOD}})}
    assert changed == named - UNCHANGED
    assert text_of(config) == "published"


@pytest.mark.parametrize("name", METHODS)
def test_options_are_set_where_the_method_has_them_and_nowhere_else(name: str) -> None:
    config = resolve({"protocol": "published", "method": {"name": name}})
    own = record_to_table(config.method.options)
    assert {key: own[key] for key in PUBLISHED_METHOD if key in own} == {
        key: value for key, value in PUBLISHED_METHOD.items() if key in own
    }
    assert text_of(config) == "published"


def test_held_out_is_the_default_and_changes_nothing() -> None:
    for table in ({}, {"protocol": "held-out"}, {"training": {"iterations": 9}, "evaluation": {}}):
        assert lay_protocol(table) == table
    assert text_of(TrainConfig()) == "held-out"


def test_an_explicit_setting_overrides_the_protocol_and_is_shown() -> None:
    config = resolve(
        {
            "protocol": "published",
            "features": {"resize": "bilinear"},
            "evaluation": {"report": "last", "batch_size": 3},
        }
    )
    assert config.features.resize == "bilinear" and config.features.crop_storage == "jpeg75"
    assert config.evaluation.report == "last" and config.evaluation.batch_size == 3
    assert text_of(config) == "published, with features.resize, evaluation.report changed"


def test_a_published_setting_under_the_held_out_protocol_is_shown() -> None:
    config = resolve({"method": {"cmh": "shared"}, "data": {"options": {"val": "test"}}})
    assert text_of(config) == "held-out, with method.options.cmh, data.options.val changed"


def test_the_start_is_fixed_by_the_published_protocol_alone() -> None:
    method = {"name": "stego", "options": {"start": "identity"}}
    assert text_of(resolve({"method": method})) == "held-out"
    published = resolve({"method": method, "protocol": "published"})
    assert text_of(published) == "published, with method.options.start changed"


def test_every_data_set_declares_its_options_or_has_none() -> None:
    assert 0 < len(OPTIONS) < len(DATASETS)
    for name in DATASETS.keys() - OPTIONS.keys():
        with pytest.raises(ConfigError, match="has none"):
            open_dataset(DataConfig(name=name, options={"val": "test"}))
    assert all(dataclasses.is_dataclass(record) for record in OPTIONS.values())


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_options_are_set_where_the_data_set_offers_them_and_nowhere_else(name: str) -> None:
    table = lay_protocol({"protocol": "published", "data": {"name": name}})
    options = table["data"]["options"]
    hints = typing.get_type_hints(OPTIONS[name])
    offered = {
        key: value
        for key, value in PUBLISHED_OPTIONS.items()
        if key in hints and value in (*typing.get_args(hints[key]), hints[key] is bool)
    }
    assert options == offered
    assert text_of(build_record(TrainConfig, table)) == "published"


def test_the_published_splits_and_scales_are_offered() -> None:
    offered = {
        name: lay_protocol({"protocol": "published", "data": {"name": name}})["data"]["options"]
        for name in DATASETS
    }
    assert offered["mcubes"] == {"val": "test", "range": "per-image"}
    assert offered["mfnet"] == {"val": "test"}
    assert offered["nyu"]["val"] == "test"
    assert offered["cocostuff27"]["val"] == "test"
    assert offered["rooms"] == {}


def test_a_users_option_overrides_the_protocol() -> None:
    data = {"name": "mcubes", "options": {"range": "fixed"}}
    config = resolve({"protocol": "published", "data": data})
    assert config.data.options == {"val": "test", "range": "fixed"}
    assert text_of(config) == "published, with data.options.range changed"


def test_a_number_called_val_is_not_a_split() -> None:
    options = {"name": "rooms", "options": {"val": 7}}
    for protocol in ("published", "held-out"):
        assert text_of(resolve({"protocol": protocol, "data": options})) == protocol


def test_a_resolved_configuration_resolves_to_itself() -> None:
    config = resolve({"protocol": "published", "data": {"name": "mfnet"}})
    assert resolve(record_to_table(config)) == config


def test_a_file_builds_on_a_preset_and_its_protocol(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('base = "nyu-s16-published"\n[features]\nresize = "bilinear"\n')
    config = read_config(path)
    assert config.hyper["depth.b_self"] == 0.1328 and config.training.iterations == 3334
    assert config.features.crop_storage == "jpeg75" and config.features.resize == "bilinear"
    assert text_of(config) == "published, with features.resize changed"


def test_a_checkpoint_carries_its_protocol(tmp_path: Path) -> None:
    config = dataclasses.replace(small_config(), protocol="published")
    run = Run.start(config, small_dataset_features(), CPU)
    run.save(tmp_path)
    assert config_of(tmp_path).protocol == "published"
