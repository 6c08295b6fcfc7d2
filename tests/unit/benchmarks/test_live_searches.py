"""The benchmarks that run real searches, without running one."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from benchmarks import comparison
from benchmarks.search_quality import confirmed, released_search
from benchmarks.search_quality.released_search import LiveSearch, config_of
from search.config.configuration import SearchConfig
from tests.unit.trainer.small import small_dataset_features


def finalist(trial: int, value: float) -> dict[str, Any]:
    return {"trial": trial, "value": value, "interval": [value - 1, value + 1]}


STATUS = {
    "claimed": {"trial": 7, "value": 41.0},
    "expected": {"trial": 3, "value": 38.5, "interval": [37.0, 40.0]},
    "confirmed": {
        **finalist(5, 39.0),
        "held_out": 38.8,
        "finalists": [finalist(5, 39.0), finalist(3, 38.0)],
        "references": {"defaults": finalist(-1, 30.0), "kmeans": finalist(-2, 38.5)},
    },
}


def study(seed: int, **changed: Any) -> dict[str, Any]:
    about = {
        "start": "random",
        "sampler": SearchConfig.sampler,
        "seed": seed,
        "trials": 200,
        "iterations": 100,
        "top": 5,
        "seeds": 5,
    }
    times = {"processor": "a core", "launch seconds": 90.0, "confirm seconds": 20.0}
    return {**about, **times, **confirmed.record_of(STATUS), **changed}


def test_a_confirmed_study_is_recorded_with_the_runs_of_each_number() -> None:
    found = confirmed.record_of(STATUS)
    assert (found["claimed"], found["expected"], found["confirmed"]) == (41.0, 38.5, 39.0)
    assert found["confirmed of the expected"] == 38.0
    assert found["confirmed of the claimed"] is None  # trial 7 was no finalist
    assert found["references"] == {"defaults": 30.0, "kmeans": 38.5}


def test_the_page_says_how_far_the_numbers_are_apart() -> None:
    found = confirmed.text([study(1), study(2, expected=39.4)])
    assert "claimed and confirmed: 2.00 points apart on average, 2.00 at most" in found
    assert "0.45 points apart on average, 0.50 at most, the first minus the second -0.05" in found
    assert "expected and confirmed: 0.45 points apart on average, 0.50 at most" in found
    assert "(target 0.5 on average: met)" in found
    assert "confirmed of the same trial: 0.95 points" in found
    assert "**missed**" in confirmed.text([study(1, expected=36.0)])


def test_the_page_says_how_far_each_start_gets_above_the_references() -> None:
    started = study(1, start="identity", references={"defaults": 36.0, "kmeans": 39.5})
    found = confirmed.text([study(1), study(2), started])
    at_random, at_frozen = found.split("Start `identity`, sampler")
    assert "confirmed minus K-means: +0.50 on average, above it in 2 of 2" in at_random
    assert "confirmed minus the defaults: +3.00" in at_frozen
    assert "confirmed minus K-means: -0.50 on average, above it in 0 of 1" in at_frozen


def test_the_page_compares_samplers_by_the_searches_of_the_same_seed() -> None:
    others = [
        study(seed, sampler="random", confirmed=value)
        for seed, value in ((1, 40.0), (2, 42.0), (4, 0.0))
    ]
    found = confirmed.text([study(1), study(2), study(3), *others])
    assert (
        f"`random` confirms +2.00 [-10.71, +14.71] points above `{SearchConfig.sampler}`" in found
    )
    assert "over 2 seeds" in found
    assert "points above" not in confirmed.text([study(1), *others])  # a single common seed


def test_the_front_page_has_the_searches_of_each_start_with_the_default_sampler() -> None:
    found = confirmed.short_text(
        [
            *(study(1), study(2, claimed=43.0, expected=None), study(1, start="identity")),
            study(1, sampler="random", claimed=0.0),
        ]
    )
    assert "| at random weights | 2 | 42.0 (41.0 to 43.0) | 38.5 | 39.0 (39.0 to 39.0) |" in found
    assert "| at the frozen features | 1 | 41.0 | 38.5 | 39.0 | 30.0 | 38.5 |" in found


def test_the_page_says_how_exact_the_confirmed_values_are() -> None:
    found = confirmed.text([study(1), study(2, expected=41.0)])
    assert "± 1.00 points on average; the expected value is inside in 1 of 2 searches" in found
    assert "interval of" not in confirmed.text([study(1, expected=None)])


def row(method: str, scene: int, miou: float) -> dict[str, Any]:
    columns = {name: 1.0 for name in comparison.COLUMNS}
    return {"method": method, "scene": scene, **columns, "test mIoU": miou}


def test_the_comparison_shows_the_methods_that_have_all_scenes() -> None:
    rows = [row(method, scene, 30.0 + scene) for method in ("unim2", "kmeans") for scene in (1, 2)]
    rows += [row("unim2", 3, 33.0), row("kmeans", 3, 30.0), row("stego-sum", 1, 20.0)]
    short = comparison.short_text(rows)
    assert "| UniM2 on RGB and depth | 32.0 ± 1.0 |" in short
    assert "| K-means of those of both | 31.0 ± 1.0 |" in short and "STEGO" not in short
    assert "unim2 minus kmeans: +1.0 points on the mean (+0.0, +0.0, +3.0)" in comparison.text(
        rows
    )


def test_a_comparison_that_has_all_rows_is_printed_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [row(method, scene, 30.0) for method in comparison.METHODS for scene in (3, 2, 1)]
    monkeypatch.setattr(comparison, "read_result", lambda name: {"rows": rows})
    comparison.main(storage="embedded:/none", folder=tmp_path)
    assert capsys.readouterr().out.count("| unim2-identity | ") == 4
    assert not list(tmp_path.iterdir())


def test_k_means_is_run_once_and_the_others_are_searched() -> None:
    found = comparison.searches()
    assert found["kmeans", 1].tables["search"]["trials"] == 1
    assert found["unim2-identity", 2].tables["search"]["trials"] == comparison.TRIALS
    assert {scene for _, scene in found} == set(comparison.SCENES)


RECORDS = [
    {"number": 0, "outcome": "complete", "scores": [10.0, 30.0, 20.0], "value": 30.0},
    {"number": 1, "outcome": "behind", "scores": [5.0], "value": 0.0},
    {"number": 2, "outcome": "complete", "scores": [10.0, 20.0, 25.0], "value": 25.0},
]


def live(kind: released_search.Kind) -> LiveSearch:
    config = config_of(kind, 1, None)
    records = [{**each, "params": config.space().defaults} for each in RECORDS]
    return LiveSearch(
        kind=kind, config=config, dataset_features=small_dataset_features(), ended=records
    )


def test_the_released_search_stores_stopped_trials_as_ended_with_zero() -> None:
    trials = live("released")._memory().trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert [trial.value for trial in trials] == [30.0, 0.0, 25.0]
    states = [trial.state for trial in live("ours")._memory().trials()]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE]


def test_the_result_so_far_is_the_best_of_the_trials_so_far() -> None:
    found = live("released")
    assert [(found.result(count) or {})["number"] for count in (1, 2, 3)] == [0, 0, 0]
    assert live("ours").result(0) is None


def test_the_released_search_has_its_own_space_and_rules() -> None:
    config = config_of("released", 3, 50)
    assert len(config.space().hyper_parameters) == 14
    assert (config.search.sampler, config.search.pruner) == ("tpe-univariate", "median")
    assert (config.search.seed, config.train.training.iterations) == (3, 50)
    assert config.search.collapse.share_ceiling == 1.0


def confirmed_line(search: str, trials: int, score: float, study: int) -> dict[str, Any]:
    return {
        "part": "confirmed",
        "search": search,
        "trials": trials,
        "study": study,
        "values": [score - 1, score + 1],
    }


@pytest.mark.parametrize(
    ("early", "said"),
    [(36.0, "after 50: 25 % (target 25 %: met)"), (34.0, "after 200: 100 % (target 25 %: **miss")],
)
def test_the_page_says_how_many_trials_are_needed(early: float, said: str) -> None:
    lines = [
        confirmed_line(search, trials, score, study)
        for search, trials, score in (
            ("released", 50, 30.0),
            ("released", 200, 35.0),
            ("ours", 50, early),
            ("ours", 200, 38.0),
        )
        for study in (1, 2)
    ]
    assert said in released_search.text(lines)
    assert "35.0 ± 0.0" in released_search.text(lines)
