"""Stored reports: of versions before criteria, and of one with more criteria."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine import checkpoint
from trainer.engine.run import Run
from trainer.logs.base import scalars
from trainer.records import RECORDED, CollapseIndicators, Report, Scores

#: As the first version stored it.
FIRST = """{"evaluation": 3, "iteration": 36, "loss": 0.25,
 "cluster": {"miou": 31.5, "miou_all": 29.25, "accuracy": 52.5},
 "linear": {"miou": null, "miou_all": null, "accuracy": null},
 "signals": {"cluster_entropy": 0.75, "largest_share": 0.375, "mean_cosine": -0.125,
             "finite": true}"""
BEFORE_TERMS = FIRST + "}"
#: Before reports had criteria.
BEFORE_CRITERIA = FIRST + ', "terms": {"rgb": 0.125, "depth": 0.125}}'
#: By a version that has one criterion more, undefined here, and one less than this one.
LATER = FIRST + ', "terms": {}, "criteria": {"miou": 31.5, "agreement": 0.5, "rank": null}}'


@pytest.mark.parametrize("text", [BEFORE_TERMS, BEFORE_CRITERIA, LATER])
def test_a_report_of_another_version_is_read(text: str) -> None:
    report = Report.from_json(json.loads(text))
    assert (report.evaluation, report.iteration, report.loss) == (3, 36, 0.25)
    assert report.cluster == Scores(miou=31.5, miou_all=29.25, accuracy=52.5)
    assert report.signals == CollapseIndicators(
        cluster_entropy=0.75, largest_share=0.375, mean_cosine=-0.125, finite=True
    )
    assert {name: report.criteria[name] for name in ("miou", "accuracy", "mean_cosine")} == {
        "miou": 31.5,
        "accuracy": 52.5,
        "mean_cosine": -0.125,
    }
    assert math.isnan(report.criteria["linear_miou"])


def test_a_criterion_that_this_version_does_not_know_is_kept() -> None:
    report = Report.from_json(json.loads(LATER))
    assert report.further_criteria().keys() == {"agreement", "rank"}
    assert report.criteria["agreement"] == 0.5 and math.isnan(report.criteria["rank"])
    stored = report.to_json()
    assert stored["criteria"]["agreement"] == 0.5 and stored["criteria"]["rank"] is None


def test_fields_that_older_versions_read_are_unchanged() -> None:
    """It reads these keys and builds records of them: an unknown key would be refused."""
    stored = Report.from_json(json.loads(LATER)).to_json()
    first: dict[str, Any] = json.loads(BEFORE_TERMS)
    assert {key: stored[key] for key in first} == first


def test_a_replaced_record_replaces_its_criteria() -> None:
    report = Report.from_json(json.loads(BEFORE_CRITERIA))
    better = dataclasses.replace(report.cluster, miou=90.0)
    assert dataclasses.replace(report, cluster=better).criteria["miou"] == 90.0


def test_logs_take_further_criteria_and_no_number_twice() -> None:
    named = scalars(Report.from_json(json.loads(LATER)))
    assert named["criteria/agreement"] == 0.5 and named["cluster/miou"] == 31.5
    assert not named.keys() & {f"criteria/{name}" for name in (*RECORDED, "rank")}


def test_a_checkpoint_older_than_criteria_resumes(tmp_path: Path) -> None:
    dataset_features = small_dataset_features()
    run = Run.start(small_config(), dataset_features, CPU)
    run.advance()
    run.save(tmp_path)
    tensors, record = checkpoint.read_checkpoint(tmp_path)
    del record["reports"][0]["criteria"], record["state"]
    checkpoint.write_checkpoint(tmp_path, tensors, record)
    restored = Run.restore(tmp_path, small_config(), dataset_features, CPU)
    (older,) = restored.reports
    (before,) = run.reports
    assert older.criteria.keys() == RECORDED.keys()
    assert older == dataclasses.replace(before, criteria={})
    assert restored.advance() == run.advance()


def test_the_last_report_of_a_run_has_the_iou_of_each_class() -> None:
    features = small_dataset_features()
    run = Run.start(small_config(), features, CPU)
    while not run.finished:
        run.advance()
    *others, last = run.reports
    assert all(report.class_iou == {} for report in others)
    assert tuple(last.class_iou) == features.classes
    occurring = [iou for iou in last.class_iou.values() if math.isfinite(iou)]
    assert sum(occurring) / len(occurring) == pytest.approx(last.cluster.miou)
    assert Report.from_json(json.loads(json.dumps(last.to_json()))) == last


def test_a_run_without_labels_has_no_iou_of_any_class() -> None:
    features = small_dataset_features(labelled=False)
    run = Run.start(small_config(), features, CPU)
    while not run.finished:
        run.advance()
    assert run.reports[-1].class_iou == {}


def test_a_class_that_never_occurs_is_undefined_in_json() -> None:
    report = dataclasses.replace(
        Report.from_json(json.loads(LATER)), class_iou={"wall": 12.5, "bed": math.nan}
    )
    stored = json.loads(json.dumps(report.to_json()))
    assert stored["class_iou"] == {"wall": 12.5, "bed": None}
    assert math.isnan(Report.from_json(stored).class_iou["bed"])
