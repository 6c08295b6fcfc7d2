"""The output of ``show`` and ``compare``, from the read model alone."""

import dataclasses
from typing import Any

import pytest
from rich.console import Console

from search.records.stored_picture import StoredPicture
from search.reporting.as_json import comparison_json, trial_details_json
from search.reporting.compared_studies import compare, comparison_rows
from search.reporting.comparison_text import comparison_table
from search.reporting.study_details import StudyDetails, TrialDetails
from search.reporting.study_view import WAITS, TrialView
from search.reporting.trial_text import trial_text
from tests.unit.search.builders import make_report
from tests.unit.search.reporting.studies import BEST, collapsed, details_of, full_run
from tests.unit.search.reporting.test_reporting import printed


def shown(trial: TrialView) -> str:
    view = details_of().view
    reports = (make_report(1, miou=24.0), make_report(2, miou=25.5))
    return printed(trial_text(TrialDetails(view=view, trial=trial, reports=reports)))


def test_a_trial_shows_settings_value_evaluations_and_attempts() -> None:
    text = shown(full_run(BEST, 32.0, attempts=("new", "lost")))
    assert f"rooms-3, trial {BEST}: complete, 32.00 mIoU (%), the best trial" in text
    assert "attempts  2 (new, lost)" in text and "sampled by the search" in text
    assert "took      1 min 00 s" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["lambda_self", "0.4500", "0.5000"] in lines
    assert ["evaluation", "iteration", "score", "miou", "loss"] in lines
    assert any(line[:2] == ["2", "200"] and "25.50" in line for line in lines)
    assert any(line[:1] == ["10"] for line in lines)  # it has a score, but no report


@pytest.mark.parametrize(
    ("trial", "texts"),
    [
        (collapsed(3), ["collapsed", "reason    one cluster has over 98 %"]),
        (full_run(3, 30.0, queued="by a person, with b_self = 0.5"), ["queued by a person, with"]),
        (
            full_run(3, 0, state="waiting", value=None, queued=WAITS, attempts=(), scores={}),
            ["it waits", "none yet"],
        ),
        (
            full_run(3, 0, state="failed", value=None, reason="Error: no", traceback="T\nU"),
            ["failed", "Error: no", "T\nU"],
        ),
        (full_run(3, 9.0, counted=False, reason="ended by somebody else"), ["not counted"]),
    ],
    ids=["collapsed", "queued", "waiting", "failed", "foreign"],
)  # fmt: skip
def test_a_trial_explains_its_state(trial: TrialView, texts: list[str]) -> None:
    found = shown(trial)
    assert [text for text in texts if text not in found] == []


def test_a_trial_as_json_holds_reports_and_defaults() -> None:
    view = details_of().view
    found = trial_details_json(
        TrialDetails(view=view, trial=view.trials[BEST], reports=(make_report(1, miou=24.0),))
    )
    assert (found["study"], found["trial"], found["defaults"]) == ("rooms-3", BEST, view.defaults)
    assert found["reports"][0]["cluster"]["miou"] == 24.0


def named(name: str, **changes: Any) -> StudyDetails:
    details = details_of(**changes)
    return dataclasses.replace(details, view=dataclasses.replace(details.view, name=name))


def test_equal_budgets_are_shown_as_equal() -> None:
    found = compare([named("one"), named("two")])
    assert found.notes == ("Equal budgets.",) and comparison_json(found)["equal_budgets"]
    assert "Equal budgets." in printed(comparison_table(found))


def test_unequal_budgets_are_marked_and_compared_where_they_are_equal() -> None:
    long, short = named("long"), named("short", trials=list(details_of().view.trials[:20]))
    found = compare([long, short])
    assert found.unequal == ("trials",) and found.notes[0].startswith("Unequal budgets (trials)")
    first, second = found.studies
    assert second.iterations == found.equal_iterations < first.iterations
    assert long.view.best and first.best_at_equal != long.view.best.value
    assert first.best_at_equal == second.best_at_equal  # they share their first trials
    table = comparison_json(found)
    assert (table["equal_budgets"], table["unequal"]) == (False, ["trials"])


def test_several_objectives_are_marked() -> None:
    other = named("other", view={"objective": "label-free"})
    assert "Several objectives" in compare([named("one"), other]).notes[-1]


def test_studies_without_a_trial_are_compared() -> None:
    found = compare([named("one", trials=[]), named("two")])
    assert comparison_rows(found)["best value"] == ("", "32.00")
    assert found.studies[0].best_at_equal is None
    Console(file=None, quiet=True).print(comparison_table(found))


def test_a_trial_shows_the_iou_of_each_class_and_its_pictures() -> None:
    pictures = (StoredPicture(artifact="a", file="grid.png"),)
    trial = full_run(3, 20.0, class_iou={"wall": 31.456, "bed": 0.0}, pictures=pictures)
    found = TrialDetails(view=details_of([trial]).view, trial=trial, reports=())
    lines = printed(trial_text(found)).splitlines()
    (heading,) = [place for place, line in enumerate(lines) if "IoU, %" in line]
    assert [line.split() for line in lines[heading + 1 : heading + 3]] == [
        ["wall", "31.46"],
        ["bed", "0.00"],
    ]
    assert any(line.startswith("pictures  grid.png in the dashboard") for line in lines)
    assert trial_details_json(found)["class_iou"] == {"wall": 31.456, "bed": 0.0}


def test_a_trial_of_an_earlier_version_shows_no_iou_by_class() -> None:
    trial = full_run(3, 20.0)
    found = TrialDetails(view=details_of([trial]).view, trial=trial, reports=())
    shown = printed(trial_text(found))
    assert "IoU, %" not in shown and "pictures" not in shown
    assert trial_details_json(found)["class_iou"] == {}
