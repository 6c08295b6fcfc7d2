"""The public table of recorded runs, and what is computed from it."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.blocks import append_record
from benchmarks.collapse import image_text
from benchmarks.search_quality import calibration
from benchmarks.search_quality.collapsed import recorded_rows
from benchmarks.search_quality.public_table import (
    TableRun,
    kept_runs,
    read_sets,
    read_table,
    text,
    write_table,
)

SETTINGS = 12


def look(iteration: int, miou: float | None, **numbers: float | None) -> dict[str, Any]:
    healthy = {
        "accuracy": 40.0,
        "linear_miou": 30.0,
        "cluster_entropy": 0.9,
        "largest_share": 0.3,
        "mean_cosine": 0.1,
    }
    return {
        "iteration": iteration,
        "finite": True,
        "loss": -1.23456,
        "miou": miou,
        **healthy,
        **numbers,
    }


def run(setting: int, seed: int, miou: float, **numbers: float | None) -> dict[str, Any]:
    looks = [look(10 * step, miou, label_free=2 * miou, **numbers) for step in (1, 2, 3, 4, 5)]
    return {
        "kind": "run",
        "set": "nyu",
        "setting": setting,
        "seed": seed,
        "params": {"b_self": 0.123456},
        "value": miou,
        "looks": looks,
        "cpu": 1.0,
    }


HEAD: Mapping[str, Any] = {
    "kind": "set",
    "set": "nyu",
    "preset": "nyu-cpu",
    "constant_miou": 5.0,
    "backbone": "efficientnet-lite0",
    "classes": 13,
    "images": 120,
    "evaluations": 5,
    "space": [{"name": "b_self"}],
    "iterations": 50,
}


@pytest.fixture
def table(tmp_path: Path) -> tuple[list[TableRun], dict[str, dict[str, Any]]]:
    """Two seeds of each setting; setting 1 collapsed."""
    records = [
        {**run(0, 1, 15.0), "kind": "kmeans", "params": {}},
        {**run(0, 1, 14.0), "kind": "defaults"},
        *(run(setting, seed, 10.0 + setting + seed / 10)
          for seed in (1, 2) for setting in range(2, SETTINGS + 1)),
        run(1, 1, 5.5, largest_share=1.0, cluster_entropy=0.0, frozen_knn=None),
    ]  # fmt: skip
    for record in (HEAD, *records):
        append_record(tmp_path / "nyu.jsonl", record)
    runs, sets = tmp_path / "runs.csv.gz", tmp_path / "sets.json"
    assert write_table(tmp_path, runs=runs, sets=sets) == len(records)
    return read_table(runs), read_sets(sets)


def test_a_run_is_read_as_it_was_recorded(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]],
) -> None:
    runs, sets = table
    assert sets["nyu"]["constant_miou"] == 5.0
    found = next(each for each in runs if (each.setting, each.seed) == (3, 2))
    assert found.kind == "run" and found.params == {"b_self": 0.1235}
    assert list(found.iterations) == [10, 20, 30, 40, 50] and all(found.finite)
    assert found.numbers().numbers["miou"] == 13.2
    assert found.numbers().numbers["loss"] == -1.235
    report = found.reports()[-1]
    assert (report.evaluation, report.cluster.miou, report.criteria["label_free"]) == (
        5,
        13.2,
        26.4,
    )
    assert report.signals.largest_share == 0.3


def test_the_table_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    for record in (HEAD, run(1, 1, 20.0)):
        append_record(tmp_path / "nyu.jsonl", record)
    written = []
    for name in ("a", "b"):
        write_table(tmp_path, runs=tmp_path / name, sets=tmp_path / "sets")
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    head = gzip.decompress(written[0]).decode().splitlines()[0]
    assert head.startswith("set,kind,setting,seed,iteration,finite,accuracy,")


def test_a_set_without_records_in_the_folder_stays(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    records = tmp_path / "other"
    records.mkdir()
    other = {"set": "weedmap", "params": {"b_knn": 0.5}, "constant_miou": 30.0}
    for record in (HEAD, run(1, 1, 20.0)):
        append_record(records / "weedmap.jsonl", {**record, **other})
    runs, sets = tmp_path / "runs.csv.gz", tmp_path / "sets.json"
    for _ in range(2):
        assert write_table(records, runs=runs, sets=sets) == 1
        found = read_table(runs)
        assert str(found[:-1]) == str(table[0])
        assert (found[-1].set, found[-1].params) == ("weedmap", {"b_knn": 0.5})
        assert read_sets(sets)["nyu"] == table[1]["nyu"]
        assert read_sets(sets)["weedmap"]["constant_miou"] == 30.0


def test_runs_are_added_to_a_set_and_replace_those_of_the_same_seed(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    records = tmp_path / "other"
    records.mkdir()
    for record in (HEAD, run(2, 1, 40.0), run(2, 3, 41.0)):
        append_record(records / "nyu.jsonl", record)
    runs, sets = tmp_path / "runs.csv.gz", tmp_path / "sets.json"
    assert kept_runs(HEAD, runs=runs, sets=sets) == {
        (each.kind, each.setting, each.seed) for each in table[0]
    }
    assert write_table(records, runs=runs, sets=sets) == 2
    found = {(each.kind, each.setting, each.seed): each for each in read_table(runs)}
    assert len(found) == len(table[0]) + 1
    assert found["run", 2, 1].looks[-1]["miou"] == 40.0
    assert found["run", 2, 2].looks[-1]["miou"] == 12.2
    assert list(found)[-1] == ("run", 2, 3)


@pytest.mark.parametrize("key", ["iterations", "space", "images"])
def test_a_set_that_differs_replaces_the_one_in_the_table(
    key: str, table: tuple[list[TableRun], dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    records = tmp_path / "other"
    records.mkdir()
    head = {**HEAD, key: "different"}
    for record in (head, run(2, 1, 40.0)):
        append_record(records / "nyu.jsonl", record)
    runs, sets = tmp_path / "runs.csv.gz", tmp_path / "sets.json"
    assert kept_runs(head, runs=runs, sets=sets) == frozenset()
    write_table(records, runs=runs, sets=sets)
    (only,) = read_table(runs)
    assert only.looks[-1]["miou"] == 40.0
    assert read_sets(sets)["nyu"][key] == "different"


def test_the_page_has_a_row_per_set_and_a_column_per_set(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]],
) -> None:
    found = calibration.text(*table)
    assert "| nyu | 12 | 23 |" in found
    assert "| `label_free` | 1.00 / 1.00 |" in found
    assert "| `largest_share` (low) |" in found
    assert "at least 95 % of the labelled pick's mIoU on 1 of 1 sets" in found
    assert "It is not above K-means or the defaults on no set" in found
    assert calibration.text([], {}) == "Nothing was measured yet."


def test_the_floor_rule_is_tried_on_random_pools(tmp_path: Path) -> None:
    """The score alone always calls the pick a success; its probe is not above that of K-means."""
    parts = {"frozen_knn": 0.5, "frozen_dse": 0.5}
    records = [
        {**run(0, 1, 5.0, frozen_probe=0.9, **parts), "kind": "kmeans", "params": {}},
        {**run(0, 1, 4.0, frozen_probe=0.1, **parts), "kind": "defaults"},
        *(run(n, 1, 10.0 + n, frozen_probe=0.5, frozen_knn=0.6, frozen_dse=0.6)
          for n in range(1, 2 + calibration.POOL)),
    ]  # fmt: skip
    for record in (HEAD, *records):
        append_record(tmp_path / "nyu.jsonl", record)
    runs, sets = tmp_path / "runs", tmp_path / "sets"
    write_table(tmp_path, runs=runs, sets=sets)
    shown = calibration.text(read_table(runs), read_sets(sets))
    assert "| nyu | 100 | the score alone | 100 | 0 | 0 |" in shown
    assert "| nyu | 100 | each part, and clusters not merged | 0 | 0 | 100 |" in shown


def test_the_collapse_rules_are_held_against_the_constant_prediction(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]],
) -> None:
    (row,) = recorded_rows(*table)
    assert row["search"] == "recorded-nyu" and row["runs"] == 23
    assert (row["collapsed"], row["stopped"], row["others stopped"]) == (1, 1, 0)
    ends = [row["one cluster"], row["one cluster stopped"], row["more clusters stopped"]]
    assert ends == [1, 1, 0]
    assert row["K-means mIoU"] == 15.0
    assert (row["lasting"], row["lasting stopped"]) == (1, 1)

    shown = image_text([row])
    assert (
        "of the 1 that stay collapsed for the evaluations that the rules require, 1 are" in shown
    )
    assert "By the clusters in use" not in shown
    trap = {**row, "constant mIoU": 30.0}
    shown = image_text([row, trap])
    assert "1 of 1 runs that end with one cluster are stopped: met" in shown
    assert "0 of 22 others are stopped: met" in shown
    assert "By the definition" not in image_text([trap])


def test_the_page_says_what_was_recorded(
    table: tuple[list[TableRun], dict[str, dict[str, Any]]],
) -> None:
    row = "| nyu | nyu-cpu | efficientnet-lite0 | 13 | 120 | 50 | 5 | 1 | 12, 11 | 2 |"
    assert row in text(*table)
    assert text([], {}) == "Nothing was recorded yet."
