"""The JSON that scripts read keeps its form: docs/output.schema.json."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from search.reporting.advice import next_steps, steps_json
from search.reporting.as_json import (
    assessed_best_json,
    comparison_json,
    results_json,
    study_json,
    trial_details_json,
)
from search.reporting.compared_studies import compare
from search.reporting.health import examine, health_json
from search.reporting.study_details import StudyDetails, TrialDetails
from tests.fakes.output_schema import SCHEMA, check_output
from tests.unit.search.builders import make_report
from tests.unit.search.reporting.studies import (
    BEST,
    NOT_CONFIRMED,
    collapsed,
    confirmation,
    details_of,
    full_run,
    healthy_trials,
)
from tests.unit.search.reporting.test_health import best_three_with, failing

REPORTS = {
    BEST: (
        make_report(1),
        dataclasses.replace(
            make_report(2, loss=float("nan")), class_iou={"wall": 31.5, "bed": float("nan")}
        ),
    )
}
STUDIES: dict[str, StudyDetails] = {
    "healthy": details_of(reports=REPORTS),
    "by class": details_of(
        [full_run(0, 20.0, class_iou={"wall": 31.5})], view={"confirmation": NOT_CONFIRMED}
    ),
    "not confirmed": details_of(
        best_three_with(b_self=0.99), view={"confirmation": NOT_CONFIRMED, "test": None}
    ),
    "alike": details_of(view={"confirmation": confirmation({BEST: 31.0, 7: 31.0}, kmeans=None)}),
    "running": details_of(view={"state": "running", "driver": "driven by pid 1"}),
    "empty": details_of([], view={"confirmation": NOT_CONFIRMED, "protocol": None}),
    "all pruned": details_of([collapsed(0)], view={"confirmation": NOT_CONFIRMED}),
    "all failed": details_of(failing(3)[-3:], view={"confirmation": NOT_CONFIRMED}),
    "few": details_of([full_run(0, 20.0)], view={"confirmation": NOT_CONFIRMED}),
}


def printed(details: StudyDetails) -> Iterator[tuple[str, Any]]:
    """The JSON output of each command for a study."""
    view, assessment = details.view, details.assessment
    yield "list", [study_json(view)]
    yield "status", study_json(view, assessment)
    if view.best is not None:
        yield "best", assessed_best_json(view, view.best, assessment)
    for trial in view.trials:
        reports = details.reports.get(trial.number, ())
        found = TrialDetails(view=view, trial=trial, reports=reports)
        yield "show", trial_details_json(found)
    yield "compare", comparison_json(compare([details, STUDIES["healthy"]]))
    yield "next", {"study": view.name, "steps": steps_json(next_steps(details))}
    yield "health", {view.name: health_json(examine(details))}
    yield "export", results_json(details)


@pytest.mark.parametrize("name", STUDIES)
def test_every_command_prints_json_that_matches_the_schema(name: str) -> None:
    for command, found in printed(STUDIES[name]):
        check_output(command, found)


def test_every_definition_is_used() -> None:
    elsewhere = {"doctor", "calibrate"}
    used = {command for command, _ in printed(STUDIES["healthy"])} | elsewhere
    inner = {"claimed", "expected", "repeated", "confirmed", "audit", "compute", "best_trial",
             "study", "trial", "report", "check", "step"}  # fmt: skip
    assert set(SCHEMA["$defs"]) == used | inner


def tables(schema: Any) -> Iterator[dict[str, Any]]:
    """All schemas of tables with named keys."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from tables(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from tables(value)


def test_a_key_more_or_less_is_refused() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for table in tables(SCHEMA["$defs"]):
        assert table["additionalProperties"] is False
        assert set(table["properties"]) - set(table["required"]) <= {"not_expected", "not_audited"}
    found = study_json(STUDIES["healthy"].view)
    for changed in ({**found, "new": 1}, {key: found[key] for key in list(found)[1:]}):
        with pytest.raises(jsonschema.ValidationError):
            check_output("status", changed)


def test_times_and_outcomes_of_odd_trials_fit() -> None:
    odd = [
        dataclasses.replace(trial, started_at=None, ended_at=None, counted=trial.number % 2 == 0)
        for trial in healthy_trials()
    ]
    for command, found in printed(details_of(odd)):
        check_output(command, found)
