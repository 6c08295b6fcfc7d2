"""Criteria: collapse indicators at their extremes and against brute force, and the table."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.run import Run
from trainer.records import RECORDED, Report, Scores
from trainer.scoring import criteria
from trainer.scoring.criteria import CRITERIA, Criterion, Evidence, compute_criteria
from trainer.scoring.label_free.judge import JudgedLabelling, judge_of
from trainer.scoring.label_free.labelling import Labelling
from trainer.scoring.metrics import UNDEFINED

Units = NDArray[np.float64]


def evidence(
    use: list[int], units: Units, cluster: Scores = UNDEFINED, linear: Scores = UNDEFINED
) -> Evidence:
    return Evidence(
        cluster=cluster,
        linear=linear,
        use_Z=np.array(use),
        unit_sum_K=units.sum(axis=0),
        codes=len(units),
    )


def numbers(use: list[int], units: Units) -> dict[str, float]:
    return compute_criteria(evidence(use, units))


def random_units(count: int = 20) -> Units:
    vectors = np.random.default_rng(0).normal(size=(count, 3)) + 0.5
    made: Units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return made


def test_even_use_has_entropy_one() -> None:
    made = numbers([5, 5, 5, 5], random_units())
    assert made["cluster_entropy"] == pytest.approx(1)
    assert made["largest_share"] == 0.25


def test_one_cluster_has_entropy_zero() -> None:
    made = numbers([0, 9, 0], random_units())
    assert made["cluster_entropy"] == 0
    assert made["largest_share"] == 1


def test_two_of_four_clusters() -> None:
    assert numbers([3, 3, 0, 0], random_units())["cluster_entropy"] == pytest.approx(0.5)


def test_mean_cosine_is_that_of_all_pairs() -> None:
    units = random_units()
    cosines = units @ units.T
    pairs = cosines[~np.eye(len(units), dtype=bool)]
    assert numbers([1, 1], units)["mean_cosine"] == pytest.approx(pairs.mean())


def test_equal_codes_have_cosine_one() -> None:
    assert numbers([1, 1], np.tile([0.6, 0.8], (7, 1)))["mean_cosine"] == pytest.approx(1)


def test_scores_are_those_of_the_probes() -> None:
    cluster = Scores(miou=31.0, miou_all=29.0, accuracy=52.0)
    linear = Scores(miou=41.0, miou_all=39.0, accuracy=62.0)
    made = compute_criteria(evidence([1, 1], random_units(), cluster, linear))
    assert (made["miou"], made["accuracy"], made["linear_miou"]) == (31.0, 52.0, 41.0)


def judged() -> JudgedLabelling:
    """Random clusters of the small features."""
    judge = judge_of(small_dataset_features().val, 3)
    assert judge is not None
    generator, tokens = np.random.default_rng(0), len(judge.space.units_IC)
    return judge.judge(
        Labelling(
            space=judge.space,
            count=3,
            clusters_I=generator.integers(3, size=tokens),
            codes_IK=generator.normal(size=(tokens, 4)).astype(np.float32),
        )
    )


def test_criteria_of_clusters_are_undefined_without_a_judge() -> None:
    made = numbers([3, 1], random_units())
    assert math.isnan(made["label_free"]) and math.isnan(made["frozen_knn"])


@pytest.mark.parametrize("name", CRITERIA)
def test_a_criterion_describes_itself_and_is_undefined_without_labels_only_if_it_needs_them(
    name: str,
) -> None:
    criterion = CRITERIA[name]
    assert criterion.name == name and name.isidentifier()
    assert criterion.sentence.endswith(".") and "\n" not in criterion.sentence
    counted = dataclasses.replace(evidence([3, 1], random_units()), judged=judged())
    assert math.isnan(criterion.compute(counted)) == criterion.needs_labels


def test_a_report_carries_every_criterion_of_the_table() -> None:
    report = Run.start(small_config(), small_dataset_features(), CPU).advance()
    assert report.criteria.keys() == CRITERIA.keys()
    for name, (record, key) in RECORDED.items():
        assert report.criteria[name] == getattr(getattr(report, record), key)


def test_criteria_that_need_no_labels_are_defined_without_them() -> None:
    report = Run.start(small_config(), small_dataset_features(labelled=False), CPU).advance()
    defined = {name for name, number in report.criteria.items() if math.isfinite(number)}
    assert defined == {name for name, each in CRITERIA.items() if not each.needs_labels}


def test_one_line_in_the_table_brings_a_criterion_into_reports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = Criterion(
        name="used_clusters",
        needs_labels=False,
        sentence="Clusters that hold a pixel.",
        compute=lambda counted: float((counted.use_Z > 0).sum()),
    )
    monkeypatch.setattr(criteria, "CRITERIA", {**CRITERIA, used.name: used})
    report = Run.start(small_config(), small_dataset_features(), CPU).advance()
    assert 1 <= report.criteria["used_clusters"] <= 3
    assert report.further_criteria()["used_clusters"] == report.criteria["used_clusters"]
    assert Report.from_json(report.to_json()) == report
