"""``~`` is the home folder in every setting that names a path."""

from pathlib import Path

import pytest

from trainer.config.configuration import TrainConfig
from trainer.config.paths import user_path
from trainer.config.toml_records import build_record
from trainer.features.cache import cache_root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_settings_that_are_paths_are_expanded_and_others_are_not(home: Path) -> None:
    table = {"data": {"root": "~/frames"}, "backbone": {"weights": "~/w.safetensors"}}
    config = build_record(TrainConfig, table)
    assert config.data.root == f"{home}/frames"
    assert config.backbone.weights == f"{home}/w.safetensors"
    words = build_record(TrainConfig, {"backbone": {"weights": "hub", "name": "~x"}}).backbone
    assert (words.weights, words.name) == ("hub", "~x")


def test_a_variable_is_expanded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMSS_CACHE", "~/cache")
    assert cache_root(None) == home / "cache"


def test_a_user_who_does_not_exist_stays_as_written() -> None:
    assert user_path("~no-such-user-here/x") == Path("~no-such-user-here/x")
    assert user_path("a/~b") == Path("a/~b")
