"""Protocols of a search: their settings, the values of trials, and the name that a study shows."""

import dataclasses
import math
from pathlib import Path
from typing import Literal

import pytest

from search.config.configuration import LaunchConfig, differences, resolve
from search.config.presets import preset_names, read_preset
from search.config.protocols import study_protocol
from search.driver.in_memory_study import InMemoryStudy
from search.driver.rules import Rules
from search.errors import SettingsError
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import CollapseRules, build_pruner
from search.records.jobs import Job
from search.records.messages import Begin, Continue, OnTest, Task
from search.records.outcome import Completed
from search.workers import worker
from tests.fakes.hosted_worker import HostedWorker
from tests.unit.search.builders import make_report
from tests.unit.trainer.small import small_config, small_dataset_features
from trainer.config.presets import preset_names as run_presets
from trainer.features import TestSplit
from trainer.records import Report

VAL = ("features", "labels", "names")
PUBLISHED = {"protocol": "published"}


def scoring(*scores: float) -> list[Report]:
    return [make_report(index, miou=s, accuracy=s) for index, s in enumerate(scores, start=1)]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_resolves_and_names_its_protocol(name: str) -> None:
    config = resolve(name, None, {})
    said = study_protocol(config.to_table())
    if name.endswith("-published"):
        assert said == "published: maximum of all scores on val, which is the test split"
    else:
        assert said == "held-out: median of the last 5 scores on val"


def test_presets_of_runs_start_searches_without_their_lambda_and_b() -> None:
    assert set(run_presets()) == set(preset_names())
    table = read_preset("nyu-s16")
    assert "hyper" not in table and table["training"]["iterations"] == 2500
    config = resolve("nyu-s16", None, {})
    names = {each.name for each in config.space().hyper_parameters}
    assert names == {
        "lambda_self", "b_self", "lambda_knn", "b_knn", "lambda_random", "b_random",
        "lambda_cmcs.depth",
    }  # fmt: skip


def test_published_searches_like_the_released_code_by_default() -> None:
    config = resolve("nyu-s16-published", None, {})
    assert (config.search.pruner, config.search.space) == ("median", "per-modality")
    assert (config.train.evaluation.cadence, config.train.evaluation.report) == ("even", "best")
    assert config.train.evaluate_at(crops=795 * 5) == tuple(range(125, 2501, 125))  # each epoch
    assert config.train.features.crop_storage == "jpeg75"
    other = resolve("nyu-s16-published", None, {"search": {"pruner": "none"}})
    assert study_protocol(other.to_table()).startswith("published, with search.pruner changed:")


def test_another_objective_is_not_the_published_one() -> None:
    other = resolve("nyu-s16-published", None, {"search": {"objective": "miou"}})
    assert other.objective().name == "miou"
    assert study_protocol(other.to_table()).startswith(
        "published, with search.objective changed: maximum of all scores on val"
    )


def test_any_preset_can_be_searched_as_published() -> None:
    said = study_protocol(resolve("rooms", None, PUBLISHED).to_table())
    assert said == "published: maximum of all scores on val"


def test_a_cadence_of_single_runs_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"spaces its evaluations evenly") as caught:
        resolve("rooms", None, {"evaluation": {"cadence": "epoch"}})
    assert "\n" not in str(caught.value)


def test_the_published_value_is_the_best_of_all_looks() -> None:
    reports = scoring(9.0, 40.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    assert MIOU_ACCURACY.value(reports) == 3.0
    assert MIOU_ACCURACY.value(reports, "best") == 40.0
    assert math.isnan(MIOU_ACCURACY.value(scoring(9.0, math.nan, 1.0), "best"))


@pytest.mark.parametrize(("counted", "expected"), [("last", 3.0), ("best", 9.0)])
def test_a_full_run_has_the_value_of_its_protocol(
    counted: Literal["last", "best"], expected: float
) -> None:
    rules = Rules(
        objective=MIOU_ACCURACY,
        collapse=CollapseRules(),
        pruner=build_pruner("none", 3),
        evaluations=3,
        counted=counted,
    )
    outcome = rules.decide(InMemoryStudy("study"), 0, scoring(9.0, 3.0, 1.0))
    assert isinstance(outcome, Completed) and outcome.value == expected


def test_a_study_older_than_a_setting_is_the_same_study() -> None:
    table = resolve("rooms", None, {}).to_table()
    old = {**table, "features": dict(table["features"]), "evaluation": dict(table["evaluation"])}
    old["search"] = {key: value for key, value in table["search"].items() if key != "objective"}
    del old["protocol"], old["features"]["crop_storage"], old["evaluation"]["report"]
    assert differences(LaunchConfig.from_table(old).to_table(), table) == []
    assert study_protocol(old) == "held-out: median of the last 5 scores on val"


def test_a_worker_tests_the_selected_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_features = small_dataset_features()
    dataset_features = dataclasses.replace(
        dataset_features,
        test=TestSplit(**{key: getattr(dataset_features.val, key) for key in VAL}),
    )
    monkeypatch.setattr(worker, "open_dataset_features", lambda folder: dataset_features)
    config = small_config(training={"iterations": 24, "learning_rate": 0.02})
    evaluation = dataclasses.replace(config.evaluation, evaluations=12, report="best")
    config = dataclasses.replace(config, evaluation=evaluation)
    hosted = HostedWorker(worker.WorkerSetup(config=config, feature_cache="", device="cpu"))
    task = Task(job=Job("trial", 0), attempt=1, params={}, seed=1, folder=str(tmp_path))
    reports = list(hosted.advance(Begin(task=task)).reports)
    while len(reports) < 12:
        reports += hosted.advance(Continue()).reports
    best = max(reports, key=lambda report: report.cluster.miou)
    assert best.cluster != reports[-1].cluster, "else this shows nothing"
    test = dataclasses.replace(task, job=Job("test", 0), earlier=(str(tmp_path),))
    assert hosted.advance(Begin(task=test)).on_test == OnTest(
        cluster=best.cluster, linear=best.linear
    )
