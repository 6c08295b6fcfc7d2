import dataclasses

import pytest

from search.errors import SearchError
from search.launch.finalists import plan_confirmation
from search.quality.expected import Expected
from search.reporting.assessing import assess
from search.reporting.study_view import StudyView
from tests.unit.search.reporting.test_reporting import many, view


def finished(count: int) -> StudyView:
    return dataclasses.replace(many(count), state="finished")


def test_the_model_chooses_the_finalists() -> None:
    made = finished(14)
    assessment = assess(made)
    assert assessment is not None and isinstance(assessment.expected, Expected)
    plan = plan_confirmation(made, assessment, top=3, seeds=4)
    assert plan.trials == tuple(number for number, _ in assessment.expected.ranking[:3])
    assert plan.chosen_by == "model" and len(plan.jobs()) == (3 + 2) * 4
    assert plan.params == {number: made.trials[number].params for number in plan.trials}
    assert plan.defaults == made.defaults


def test_without_a_model_the_values_choose() -> None:
    made = finished(6)
    plan = plan_confirmation(made, assess(made), top=9, seeds=2)
    values = {trial.number: trial.value or 0.0 for trial in made.trials}
    assert plan.chosen_by == "value"
    assert list(plan.trials) == sorted(values, key=lambda number: -values[number])


@pytest.mark.parametrize(
    ("state", "top", "seeds", "message"),
    [
        ("finished", 0, 5, "--top 0 is too small: give 1 or more"),
        ("finished", 5, 1, "--seeds 1 is too small: give 2 or more"),
        ("paused", 5, 5, "only a finished search can be confirmed: `python -m search resume"),
        ("running", 5, 5, "only a finished search can be confirmed: wait for it, `python -m"),
    ],
)
def test_an_impossible_confirmation_is_refused(
    state: str, top: int, seeds: int, message: str
) -> None:
    driver = "running on node-1" if state == "running" else None
    made = dataclasses.replace(view(), state=state, driver=driver)  # type: ignore[arg-type]
    with pytest.raises(SearchError, match=message):
        plan_confirmation(made, assess(made), top=top, seeds=seeds)


def test_a_study_without_a_complete_trial_has_nothing_to_confirm() -> None:
    made = dataclasses.replace(view(), state="finished", best=None)
    with pytest.raises(SearchError, match="has no complete trial"):
        plan_confirmation(made, assess(made), top=5, seeds=5)
