"""Objectives: from reports to scores and values, by name."""

import dataclasses
import json
import math

import pytest

from search.driver.in_memory_study import InMemoryStudy
from search.driver.rules import Rules
from search.errors import SettingsError, StudyError
from search.objectives import (
    DEFAULT_OBJECTIVE,
    OBJECTIVES,
    Objective,
    find_objective,
    study_objective,
)
from search.objectives.miou import MIOU
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import CollapseRules, build_pruner
from search.records.outcome import Completed, Pruned, trial_end
from tests.unit.search.builders import EVENNESS, make_report
from trainer.records import RECORDED, Report
from trainer.scoring.criteria import CRITERIA


def test_score_weighs_miou_three_to_one() -> None:
    assert MIOU_ACCURACY.score(make_report(miou=40.0, accuracy=80.0)) == 0.75 * 40 + 0.25 * 80


def test_miou_is_nothing_else() -> None:
    assert MIOU.score(make_report(miou=40.0, accuracy=80.0)) == 40.0
    assert MIOU.score(make_report(miou=40.0, accuracy=math.nan)) == 40.0


@pytest.mark.parametrize("report", [make_report(miou=math.nan), make_report(accuracy=math.nan)])
def test_score_of_something_undefined_is_nan(report: Report) -> None:
    assert math.isnan(MIOU_ACCURACY.score(report))


def reports_scoring(*scores: float) -> list[Report]:
    return [
        make_report(index, miou=s, accuracy=s, label_free=s)
        for index, s in enumerate(scores, start=1)
    ]


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
class TestEvery:
    def test_it_describes_itself(self, objective: Objective) -> None:
        assert OBJECTIVES[objective.name] is objective
        for text in (objective.name, objective.label, objective.sentence, objective.title):
            assert text and "\n" not in text
        assert objective.title.startswith(objective.label) and objective.unit in objective.title
        assert objective.value_text("last") != objective.value_text("best")

    def test_it_reads_criteria_that_there_are_and_no_other(self, objective: Objective) -> None:
        assert objective.criteria and set(objective.criteria) <= CRITERIA.keys()
        given = {name: 1.0 for name in objective.criteria}
        assert math.isfinite(objective.formula(given))

    def test_it_is_undefined_where_a_criterion_is(self, objective: Objective) -> None:
        for name in objective.criteria:
            given = {each: 1.0 for each in objective.criteria} | {name: math.nan}
            assert math.isnan(objective.formula(given))

    def test_value_is_the_median_of_the_last_five(self, objective: Objective) -> None:
        assert objective.value(reports_scoring(99.0, 98.0, 1.0, 5.0, 3.0, 2.0, 4.0)) == 3.0

    def test_value_of_few_evaluations_is_the_median_of_all(self, objective: Objective) -> None:
        assert objective.value(reports_scoring(7.0)) == 7.0
        assert objective.value(reports_scoring(1.0, 2.0)) == 1.5
        assert objective.value(reports_scoring(1.0, 9.0, 2.0, 3.0)) == 2.5

    def test_value_is_not_the_best_look(self, objective: Objective) -> None:
        reports = reports_scoring(10.0, 60.0, 10.0, 11.0, 12.0, 10.0)
        assert objective.value(reports) == 11.0
        assert objective.value(reports, "best") == 60.0

    def test_value_is_undefined_only_if_one_of_the_last_five_is(
        self, objective: Objective
    ) -> None:
        assert objective.value(reports_scoring(math.nan, 1.0, 2.0, 3.0, 4.0, 5.0)) == 3.0
        assert math.isnan(objective.value(reports_scoring(1.0, math.nan, 3.0, 4.0, 5.0)))

    def test_a_run_without_reports_has_no_value(self, objective: Objective) -> None:
        with pytest.raises(AssertionError):
            objective.value([])


def test_an_objective_needs_labels_if_one_of_its_criteria_does() -> None:
    assert MIOU.needs_labels and MIOU_ACCURACY.needs_labels and not EVENNESS.needs_labels
    both = dataclasses.replace(EVENNESS, criteria=("cluster_entropy", "linear_miou"))
    assert both.needs_labels


def test_a_title_has_a_unit_where_there_is_one() -> None:
    assert (MIOU.title, EVENNESS.title) == ("mIoU (%)", "entropy")
    assert MIOU_ACCURACY.title == "0.75 mIoU + 0.25 accuracy (%)"


def test_a_report_that_lacks_a_criterion_is_refused_in_one_line() -> None:
    later = dataclasses.replace(EVENNESS, criteria=("agreement",))
    with pytest.raises(StudyError, match="evaluation 4 has no 'agreement'") as caught:
        later.score(make_report(4))
    assert "\n" not in str(caught.value)


def test_an_unknown_objective_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="'magic': choose one of miou-accuracy, miou"):
        find_objective("magic")


def test_a_study_that_is_older_than_the_setting_has_the_default() -> None:
    assert study_objective({"search": {"trials": 3}}) is OBJECTIVES[DEFAULT_OBJECTIVE]
    assert study_objective({"search": {"objective": "miou"}}) is MIOU
    assert DEFAULT_OBJECTIVE == "miou-accuracy"


#: A report as it was stored before reports had criteria.
STORED = """{"evaluation": 1, "iteration": 12, "loss": 0.5,
 "cluster": {"miou": 16.0, "miou_all": 16.0, "accuracy": 40.0},
 "linear": {"miou": 25.0, "miou_all": 25.0, "accuracy": 53.0},
 "signals": {"cluster_entropy": 0.75, "largest_share": 0.375, "mean_cosine": 0.0625,
             "finite": true}}"""


OF_RECORDS = [each for each in OBJECTIVES.values() if RECORDED.keys() >= set(each.criteria)]


@pytest.mark.parametrize("objective", OF_RECORDS, ids=lambda objective: objective.name)
def test_a_report_stored_before_criteria_has_a_score(objective: Objective) -> None:
    assert math.isfinite(objective.score(Report.from_json(json.loads(STORED))))
    assert MIOU_ACCURACY.score(Report.from_json(json.loads(STORED))) == 22.0


def rules(objective: Objective) -> Rules:
    return Rules(
        objective=objective,
        collapse=CollapseRules(),
        pruner=build_pruner("none", 2),
        evaluations=2,
    )


def test_the_value_of_a_full_run_is_that_of_the_objective() -> None:
    reports = [make_report(1, miou=20.0, accuracy=60.0), make_report(2, miou=30.0, accuracy=70.0)]
    found = [
        rules(each).decide(InMemoryStudy("study"), 0, reports) for each in (MIOU_ACCURACY, MIOU)
    ]
    assert found == [Completed(value=35.0), Completed(value=25.0)]


def test_a_pruned_trial_keeps_the_last_score_of_its_objective() -> None:
    behind = Pruned(kind="behind", reason="why")
    assert trial_end(behind, [make_report(miou=20.0, accuracy=60.0)], MIOU).value == 20.0


def test_missing_labels_are_not_a_collapse_for_a_label_free_objective() -> None:
    unlabelled = [make_report(index, miou=math.nan, accuracy=math.nan) for index in (1, 2)]
    outcome = rules(MIOU).decide(InMemoryStudy("study"), 0, unlabelled)
    assert isinstance(outcome, Pruned) and outcome.reason.startswith("the score is not a finite")
    assert rules(EVENNESS).decide(InMemoryStudy("study"), 0, unlabelled) == Completed(value=0.8)
