import math

import pytest

from search.score import score, value
from tests.unit.search.builders import make_report


def test_score_weighs_miou_three_to_one():
    assert score(make_report(miou=40.0, accuracy=80.0)) == 0.75 * 40 + 0.25 * 80


@pytest.mark.parametrize("missing", ["miou", "accuracy"])
def test_score_of_something_undefined_is_nan(missing):
    assert math.isnan(score(make_report(**{missing: math.nan})))


def reports_scoring(*scores):
    return [make_report(index, miou=s, accuracy=s) for index, s in enumerate(scores, start=1)]


def test_value_is_the_median_of_the_last_five():
    assert value(reports_scoring(99.0, 98.0, 1.0, 5.0, 3.0, 2.0, 4.0)) == 3.0


def test_value_of_few_evaluations_is_the_median_of_all():
    assert value(reports_scoring(7.0)) == 7.0
    assert value(reports_scoring(1.0, 2.0)) == 1.5
    assert value(reports_scoring(1.0, 9.0, 2.0, 3.0)) == 2.5


def test_value_is_not_the_best_look():
    assert value(reports_scoring(10.0, 60.0, 10.0, 11.0, 12.0, 10.0)) == 11.0


def test_value_is_undefined_only_if_one_of_the_last_five_is():
    assert value(reports_scoring(math.nan, 1.0, 2.0, 3.0, 4.0, 5.0)) == 3.0
    assert math.isnan(value(reports_scoring(1.0, math.nan, 3.0, 4.0, 5.0)))


def test_a_run_without_reports_has_no_value():
    with pytest.raises(AssertionError):
        value([])
