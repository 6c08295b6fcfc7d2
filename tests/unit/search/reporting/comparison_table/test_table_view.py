"""The state and the figures of each row of a table."""

import dataclasses
import datetime
import statistics
from pathlib import Path

import pytest

from search.records.confirmation import ConfirmedRun
from search.reporting.comparison_table.table_view import StudyResult, state_of
from search.reporting.study_details import Session, StudyDetails
from tests.unit.search.reporting.comparison_table.tables import (
    confirmed_details,
    make_table,
    make_view,
    with_confirmation,
)
from tests.unit.search.reporting.studies import (
    BEGAN,
    CREATED,
    MINUTE,
    NOT_CONFIRMED,
    TRIALS,
    collapsed,
    details_of,
    full_run,
    healthy_trials,
)


def result_of(folder: Path, details: StudyDetails) -> StudyResult:
    found = make_view(folder, unim2=details).rows[1].result
    assert found is not None
    return found


def test_a_finished_row_has_mean_and_deviation_of_its_fresh_runs_on_test(tmp_path: Path) -> None:
    details = confirmed_details()
    found = result_of(tmp_path, details)
    assert found.state == "finished" and found.chosen_by == "model"
    assert found.trial == details.view.confirmation.plan.trials[0]  # type: ignore[union-attr]
    assert found.miou is not None and found.accuracy is not None and found.val is not None
    assert (found.miou.mean, found.miou.deviation, found.miou.runs) == (29.0, 1.0, 3)
    assert (found.accuracy.mean, found.accuracy.deviation) == (60.0, 2.0)
    assert found.val.mean == statistics.fmean((30.0, 31.0, 32.0))
    assert found.readings == 2
    assert (found.searched, found.dimensions, found.looks) == (8, 7, 8)


def test_single_classes_are_those_of_the_confirmed_trials_own_run(tmp_path: Path) -> None:
    details = confirmed_details()
    plan = details.view.confirmation.plan
    assert plan is not None
    trials = tuple(
        dataclasses.replace(each, class_iou={"wall": float(each.number)})
        for each in details.view.trials
    )
    view = dataclasses.replace(details.view, trials=trials)
    found = result_of(tmp_path, dataclasses.replace(details, view=view))
    assert found.classes == {"wall": float(plan.trials[0])}
    assert result_of(tmp_path, details).classes == {}


def test_iterations_are_those_of_trials_and_fresh_runs(tmp_path: Path) -> None:
    details = confirmed_details()
    pruned = sum(trial.state == "pruned" for trial in details.view.trials)
    trained = (TRIALS - pruned) * 100 + pruned * 30 + 3 * 100
    assert result_of(tmp_path, details).iterations == trained
    runs = dict(details.view.confirmation.runs)
    first = next(iter(runs))
    runs[first] = ConfirmedRun(value=None, failure="RuntimeError")
    test = {**(details.view.confirmation.test or {}), "seeds": [2, 3], "planned": [2, 3]}
    confirmation = dataclasses.replace(details.view.confirmation, runs=runs, test=test)
    failed = result_of(tmp_path, with_confirmation(details, confirmation))
    assert failed.iterations == trained - 100, "it is unknown how far the failed one came"
    assert failed.failed == 1


def test_a_study_of_an_earlier_version_has_a_mean_without_a_deviation(tmp_path: Path) -> None:
    found = result_of(tmp_path, confirmed_details(scored=())).miou
    assert found is not None and (found.mean, found.deviation, found.runs) == (29.0, None, 3)


def test_rows_that_have_not_begun_or_are_quoted_have_no_figures(tmp_path: Path) -> None:
    view = make_view(tmp_path, unim2=confirmed_details())
    kmeans, _, quoted = view.rows
    assert kmeans.result is not None and kmeans.result.state == "not started"
    assert kmeans.result.target == 1 and kmeans.result.miou is None
    assert quoted.result is None and quoted.published is not None
    assert view.finished == 1


NO_TRIAL = details_of([collapsed(number) for number in range(TRIALS)])
STATES = {
    "searching": details_of(healthy_trials()[:20]),
    "not scored": confirmed_details(test={"trial": 999}),
    "not confirmed": with_confirmation(confirmed_details(), NOT_CONFIRMED),
    "driven": dataclasses.replace(confirmed_details(), finished_at=None),
    "no trial": with_confirmation(NO_TRIAL, NOT_CONFIRMED),
}


@pytest.mark.parametrize(
    ("details", "state"),
    [
        (STATES["searching"], "searching"),
        (STATES["driven"], "searching"),
        (STATES["not scored"], "confirming"),
        (STATES["not confirmed"], "confirming"),
        (STATES["no trial"], "unusable"),
    ],
    ids=["too few trials", "driven", "not scored", "not confirmed", "no complete trial"],
)
def test_a_row_is_not_finished_until_trials_runs_and_scores_are_there(
    tmp_path: Path, details: StudyDetails, state: str
) -> None:
    found = result_of(tmp_path, details)
    assert found.state == state
    assert found.miou is None and found.trial is None


def test_a_row_killed_before_the_runs_of_further_seeds_are_scored_is_not_finished(
    tmp_path: Path,
) -> None:
    """All fresh runs are stored, and the test scores are still those of fewer seeds."""
    before = confirmed_details(test={"seeds": [1, 2], "planned": [1, 2]}, scored=(1, 2))
    assert result_of(tmp_path, before).state == "confirming"
    earlier_version = dataclasses.replace(
        before.view.confirmation,
        test={
            key: value
            for key, value in (before.view.confirmation.test or {}).items()
            if key != "planned"
        },
    )
    assert result_of(tmp_path, with_confirmation(before, earlier_version)).state == "confirming"


def test_a_run_that_could_not_be_scored_leaves_its_row_finished(tmp_path: Path) -> None:
    found = result_of(tmp_path, confirmed_details(test={"seeds": [1, 2]}, scored=(1, 2)))
    assert found.state == "finished"
    assert found.miou is not None and found.miou.runs == 2


def test_more_seeds_or_finalists_than_are_stored_continue_a_row(tmp_path: Path) -> None:
    table, details = make_table(tmp_path), confirmed_details()
    _, measured = table.measured[1]
    assert state_of(table, measured, details) == "finished"
    for change in ({"seeds": 4}, {"finalists": 2}):
        more = dataclasses.replace(table, **change)  # type: ignore[arg-type]
        assert state_of(more, measured, details) == "confirming"


def test_a_row_whose_runs_all_failed_is_unusable_and_has_no_score(tmp_path: Path) -> None:
    details = confirmed_details()
    failed = {job: ConfirmedRun(value=None, failure="x") for job in details.view.confirmation.runs}
    stored = dataclasses.replace(details.view.confirmation, runs=failed, test=None)
    assert result_of(tmp_path, with_confirmation(details, stored)).state == "unusable"


def test_hours_are_those_of_the_drivers_and_a_killed_one_counts_to_its_last_trial(
    tmp_path: Path,
) -> None:
    began = BEGAN.astimezone(datetime.UTC)
    trials = [full_run(0, 20.0), full_run(1, 30.0)]  # they end after one and two minutes
    killed = Session(host="a", pid=1, began=began, ended=None)
    successor = Session(host="b", pid=2, began=began + 30 * MINUTE, ended=began + 60 * MINUTE)
    details = details_of(trials, sessions=(killed, successor))
    assert result_of(tmp_path, details).hours == pytest.approx(32 / 60)
    idle = Session(host="a", pid=1, began=CREATED + datetime.timedelta(days=30), ended=None)
    assert result_of(tmp_path, details_of(trials, sessions=(idle,))).hours == 0.0
    assert result_of(tmp_path, details_of(trials, sessions=())).hours is None
