"""The NYU benchmark: a block continues after the records of the last one."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.blocks import read_records
from benchmarks.nyu import (
    ROWS,
    Block,
    Budget,
    features_text,
    run_row,
    text,
    trust_short_text,
    trust_text,
)
from search.config.configuration import resolve
from tests.fakes.data_sets.nyu import CAMERA, make_nyu
from trainer.config.layers import lay_over

SMALL: dict[str, Any] = {
    "data": {"options": {"intrinsics": CAMERA}},
    "backbone": {"name": "patch-stats"},
    "features": {"train_resolution": 32, "eval_resolution": 32},
    "training": {"batch_size": 2, "samples": 2, "random_draws": 2},
}


@pytest.fixture
def block(tmp_path: Path) -> Block:
    """A block with a small copy of the layout and no time limit."""
    make_nyu(tmp_path / "nyu", layout="metres")
    return Block(
        data=tmp_path / "nyu",
        folder=tmp_path,
        budget=Budget(trials=3, iterations=4, evaluations=2, seeds=2),
        results=tmp_path / "nyu.jsonl",
        until=time.monotonic() + 1e6,
        over=SMALL,
    )


def without_time(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "cpu"} for each in records]


@pytest.mark.parametrize("row", ROWS)
def test_the_settings_of_each_row_are_valid(row: str, block: Block) -> None:
    config = block.train(row)
    assert config.training.iterations == 4
    assert config.data.root == str(block.data)
    if row.partition("-")[0] not in ("kmeans", "ridge"):
        assert block.launch(row).train == config


def test_the_vit_has_the_features_of_its_preset(block: Block) -> None:
    config = block.on_vit(Path("/weights/other.safetensors")).train("unim2")
    preset = resolve("nyu-s14", None, {"data": {"root": str(block.data)}}).train
    assert config.features == preset.features
    assert config.backbone.name == preset.backbone.name
    assert config.backbone.weights == "/weights/other.safetensors"


def test_each_ablation_differs_from_unim2_in_the_setting_of_its_name() -> None:
    assert ROWS["unim2-no-msn"] == lay_over(ROWS["unim2"], {"method": {"options": {"msn": False}}})
    cmh = {"method": {"options": {"anchor": "both"}}}
    assert ROWS["unim2-no-cmh"] == lay_over(ROWS["unim2"], cmh)


def test_a_row_keeps_its_start_whatever_that_of_the_preset_is(block: Block) -> None:
    starts = {
        row: block.train(row).method.options.start
        for row in ("unim2", "unim2-first", "unim2-random", "unim2-no-cmh", "stego-conv")
    }
    assert list(starts.values()) == ["identity", "first", "random", "identity", "identity"]


def test_a_second_call_continues_and_a_third_has_nothing_to_do(block: Block) -> None:
    fewer = dataclasses.replace(block, budget=dataclasses.replace(block.budget, seeds=1))
    assert run_row("unim2", fewer)
    first = read_records(block.results)
    assert [record["kind"] for record in first] == ["trial"] * 3 + ["fresh"]

    assert run_row("unim2", block)
    assert run_row("unim2", block)

    records = read_records(block.results)
    assert records[:4] == first
    assert [record["seed"] for record in records if record["kind"] == "fresh"] == [1, 2]


def test_a_block_that_is_cut_ends_in_the_same_records(block: Block) -> None:
    assert run_row("stego-rgb", block)
    whole = read_records(block.results)
    cut = dataclasses.replace(block, results=block.folder / "cut.jsonl")
    cut.results.write_text(
        "".join(block.results.read_text(encoding="utf-8").splitlines(keepends=True)[:2]),
        encoding="utf-8",
    )
    assert run_row("stego-rgb", cut)
    assert without_time(read_records(cut.results)) == without_time(whole)


def test_no_run_begins_after_the_time_is_over(block: Block) -> None:
    over = dataclasses.replace(block, until=time.monotonic() - 1)
    assert not run_row("unim2", over)
    assert not over.results.exists()


def test_frozen_rows_have_no_trials(block: Block) -> None:
    assert run_row("kmeans-both", block)
    assert run_row("ridge-rgb", block)
    assert run_row("ridge-rgb", block)

    kinds = [record["kind"] for record in read_records(block.results)]
    assert kinds == ["fresh", "fresh", "ridge"]
    table = text(read_records(block.results))
    assert "| ridge-rgb |" in table
    assert "| kmeans-both |" in table


def test_other_budgets_and_backbones_are_kept_apart(block: Block) -> None:
    assert run_row("kmeans-rgb", block)
    other = dataclasses.replace(block, backbone="another")
    assert run_row("kmeans-rgb", other)

    assert len(read_records(block.results)) == 4
    assert text(read_records(block.results)).count("| kmeans-rgb |") == 2


def record(**others: Any) -> dict[str, Any]:
    """A fresh run that scored 10 on test."""
    scores = {"miou": 10.0, "miou_all": 10.0, "accuracy": 20.0}
    common = {"backbone": "b", "row": "unim2", "iterations": 9, "evaluations": 3, "cpu": 1800.0}
    return {**common, "kind": "fresh", "test": scores, "test linear": scores, **others}


def test_the_table_states_trials_seeds_and_hours() -> None:
    trials = [
        record(kind="trial", number=0, outcome="collapsed", value=None),
        record(kind="trial", number=1, outcome="complete", value=31.25),
    ]
    better = {"miou": 14.0, "miou_all": 14.0, "accuracy": 24.0}
    fresh = [record(trials=2, seed=1), record(trials=2, seed=2, test=better)]

    found = text([*trials, *fresh])

    assert "9 iterations, 3 evaluations; 2 h 00 min of processor time" in found
    assert "| unim2 | 2 | 1 | 31.2 | 2 | 12.0 ± 2.8 | 22.0 ± 2.8 | 10.0 ± 0.0 |" in found


def test_what_a_trial_claims_stands_beside_what_seeds_confirm() -> None:
    space = resolve("nyu-cpu", None, dict(ROWS["unim2"])).space()

    def trial(number: int, count: int) -> dict[str, Any]:
        params = {
            each.name: each.low + (each.high - each.low) * (number + 1) / (count + 1)
            for each in space.hyper_parameters
        }
        value = 10.0 + number
        return record(kind="trial", number=number, params=params, outcome="complete", value=value)

    def shown(count: int) -> list[str]:
        fresh = [record(trials=count, seed=seed, value=seed + 19.0) for seed in (1, 2, 3)]
        other = record(trials=count - 1, seed=1, value=99.0)
        table = trust_text([*(trial(n, count) for n in range(count)), *fresh, other])
        return [cell.strip() for cell in table.splitlines()[-1].split("|")[1:-1]]

    backbone, row, trials, claimed, expected, confirmed, interval = shown(12)
    assert (backbone, row, trials, claimed, confirmed) == ("b", "unim2", "12", "21.0", "21.0")
    assert 18 < float(expected) <= 21.5
    assert interval == "18.5 to 23.5"  # Student's t with 2 degrees of freedom: 4.303 / √3
    assert shown(4)[3:5] == ["13.0", "-"]
    rows = [
        record(row=row, kind="trial", outcome="complete", number=0, params={}, value=value)
        for row, value in (("coral", 12.0), ("mmd", 13.5))
    ]
    rows += [record(row=row, trials=1, seed=1, value=11.0) for row in ("coral", "mmd")]
    apart = "- claimed minus confirmed: +1.8 on average over 2 rows, +1.0 to +2.5"
    assert trust_text(rows).splitlines()[-1] == apart
    assert trust_text([]) == trust_short_text([]) == "Nothing was measured yet."


def test_rows_are_compared_seed_by_seed() -> None:
    def fresh(row: str, seed: int, miou: float, trials: int) -> dict[str, Any]:
        scores = {"miou": miou, "miou_all": miou, "accuracy": 20.0}
        return record(row=row, seed=seed, test=scores, trials=trials)

    gaps = (1.0, 2.0, 3.0)
    runs = [fresh("unim2", seed, 10.0 * seed + gap, 2) for seed, gap in enumerate(gaps, start=1)]
    runs += [fresh("stego-rgb", seed, 10.0 * seed, 2) for seed in (3, 2, 1, 4)]
    runs += [fresh("unim2", 1, 99.0, 1)]  # chosen from fewer trials
    # Student's t with 2 degrees of freedom: 4.303 · 1 / √3
    assert "- unim2 minus stego-rgb: +2.0 [-0.5, +4.5] test mIoU over 3 seeds" in text(runs)


def test_without_records_the_page_says_so() -> None:
    assert text([]) == features_text({"rows": []}) == "Nothing was measured yet."


def test_the_share_of_system_time_is_computed() -> None:
    row = {
        "features": "x",
        "wall": 9.0,
        "user": 6.0,
        "system": 2.0,
        "busy before": 0.5,
        "cores": 2,
    }
    assert "| x | 9.0 | 6.0 | 2.0 | 25 % | 0.5 |" in features_text(
        {"rows": [row], "machine": {"threads": 1}}
    )
