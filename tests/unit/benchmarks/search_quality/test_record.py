"""The recorder: the same settings for everyone, and a second call continues."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.blocks import append_record, read_records
from benchmarks.search_quality.record import Job, Recording, config_of, jobs, look_of
from benchmarks.search_quality.sets import SETS
from search.config.configuration import resolve
from tests.unit.search.builders import make_report
from trainer.errors import ConfigError
from trainer.features import prepare
from trainer.scoring.criteria import CRITERIA

SMALL = {
    "data": {"options": {"train": 3, "val": 2, "test": 1}},
    "features": {"train_resolution": 32, "eval_resolution": 32},
    "training": {"iterations": 4, "batch_size": 2, "samples": 2, "random_draws": 2},
    "evaluation": {"evaluations": 2},
}


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    config = resolve("rooms", None, SMALL)
    features = prepare(config.train, cache=tmp_path / "cache")
    return Recording(
        name="rooms", config=config, dataset_features=features, path=tmp_path / "rooms.jsonl"
    )


def record_all(recording: Recording, *, settings: int, seeds: int) -> list[dict[str, Any]]:
    recording.begin()
    for job in recording.missing(settings, seeds):
        append_record(recording.path, recording.record(job))
    return read_records(recording.path)


def test_each_seed_is_recorded_for_all_settings_before_the_next() -> None:
    found = [(job.kind, job.setting, job.seed) for job in jobs(2, 2)]
    assert found == [
        ("kmeans", 0, 1),
        ("defaults", 0, 1),
        ("kmeans", 0, 2),
        ("defaults", 0, 2),
        ("run", 1, 1),
        ("run", 2, 1),
        ("run", 1, 2),
        ("run", 2, 2),
    ]


def test_a_record_has_every_criterion_at_every_look(recording: Recording) -> None:
    head, *found = record_all(recording, settings=1, seeds=1)
    assert head["kind"] == "set" and head["evaluations"] == 2
    assert {each["name"] for each in head["space"]} == set(found[1]["params"])
    for record in found:
        assert [look["iteration"] for look in record["looks"]] == [2, 4]
        assert all(CRITERIA.keys() <= look.keys() for look in record["looks"])
        assert record["value"] > 0 and record["cpu"] > 0
    assert found[0]["params"] == {}
    assert found[1]["params"] == recording.config.space().defaults


def test_a_second_call_continues_and_adds_settings_and_seeds(recording: Recording) -> None:
    first = record_all(recording, settings=1, seeds=1)
    more = record_all(recording, settings=2, seeds=2)
    assert more[: len(first)] == first
    assert len(more) == 1 + 2 * 2 + 2 * 2
    assert recording.missing(2, 2) == []


def test_a_run_that_was_recorded_elsewhere_is_not_recorded_again(recording: Recording) -> None:
    kept = frozenset({("run", 2, 1), ("kmeans", 0, 1), ("defaults", 0, 1)})
    recording = dataclasses.replace(recording, kept=kept)
    recording.begin()
    assert recording.missing(2, 1) == [Job(kind="run", setting=1, seed=1)]


def test_the_setting_decides_the_parameters_and_the_seed_the_rest(recording: Recording) -> None:
    params = [recording.params_of(Job(kind="run", setting=3, seed=seed)) for seed in (1, 2)]
    assert params[0] == params[1] != recording.params_of(Job(kind="run", setting=4, seed=1))
    looks = [
        recording.record(Job(kind="run", setting=3, seed=seed))["looks"] for seed in (1, 1, 2)
    ]
    assert looks[0] == looks[1] != looks[2]


def test_a_line_that_was_cut_off_is_recorded_again(recording: Recording) -> None:
    whole = record_all(recording, settings=1, seeds=1)
    text = recording.path.read_text(encoding="utf-8")
    recording.path.write_text(text[:-20], encoding="utf-8")
    again = record_all(recording, settings=1, seeds=1)
    assert [{**each, "cpu": 0} for each in again] == [{**each, "cpu": 0} for each in whole]


def test_records_of_another_budget_are_refused(recording: Recording) -> None:
    append_record(recording.path, {**recording.head(), "iterations": 5})
    with pytest.raises(ConfigError, match=r"other settings \(iterations\)"):
        recording.begin()


@pytest.mark.parametrize("name", [name for name, each in SETS.items() if each.data])
def test_a_set_on_images_needs_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs --data"):
        config_of(name, None, None)
    config = config_of(name, tmp_path, tmp_path / "weights")
    assert config.train.data.root == str(tmp_path)
    if SETS[name].weights:
        assert config.train.backbone.weights == str(tmp_path / "weights")
        with pytest.raises(ConfigError, match="needs --weights"):
            config_of(name, tmp_path, None)


def test_a_number_that_is_undefined_is_null() -> None:
    found = look_of(make_report(1, loss=math.nan))
    assert found["loss"] is None and found["iteration"] == 100
