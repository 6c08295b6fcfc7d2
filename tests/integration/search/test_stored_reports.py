"""Reports in PostgreSQL: rows of versions without criteria, and with others, are read."""

import json

import pytest

from search.errors import StudyError
from search.objectives import OBJECTIVES
from storage.database import Database
from storage.reports import reports_of, store_report
from storage.studies import NewStudy, create_study
from trainer.records import Report

#: As rows were stored before reports had criteria.
OLD = """{"evaluation": 1, "iteration": 12, "loss": 0.5,
 "cluster": {"miou": 16.0, "miou_all": 16.0, "accuracy": 40.0},
 "linear": {"miou": 25.0, "miou_all": 25.0, "accuracy": null},
 "signals": {"cluster_entropy": 0.75, "largest_share": 0.375, "mean_cosine": 0.0625,
             "finite": true},
 "terms": {"rgb": 0.25, "depth": 0.25}}"""
NEW = NewStudy(
    config={}, space={}, seed=0, trials=1, versions={}, revision=None, fingerprints={}, lag=2
)


def test_rows_of_every_version_are_read_and_scored(database: Database) -> None:
    create_study(database.engine, "study", NEW)
    old = json.loads(OLD)
    later = {**old, "evaluation": 2, "criteria": {"miou": 16.0, "agreement": 0.5}}
    for evaluation, payload in enumerate((old, later), start=1):
        store_report(
            database.engine, study="study", trial=0, evaluation=evaluation, payload=payload
        )
    rows = reports_of(database.engine, study="study", trial=0)
    first, second = (Report.from_json(dict(row.payload)) for row in rows)
    assert first.further_criteria() == {} and second.further_criteria() == {"agreement": 0.5}
    scores = {name: OBJECTIVES[name].score(first) for name in ("miou-accuracy", "miou")}
    assert scores == {"miou-accuracy": 22.0, "miou": 16.0}
    with pytest.raises(StudyError, match="evaluation 1 has no 'label_free'"):
        OBJECTIVES["label-free"].score(first)
    assert first.to_json()["criteria"]["miou"] == 16.0
