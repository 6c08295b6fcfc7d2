"""Each warning appears for a result that causes it, and for no sound one."""

import dataclasses
from typing import Any

import pytest

from search.quality.confirmed import Confirmed, confirmed
from search.quality.warnings import WARNINGS, Result, warnings_of
from search.records.confirmation import Confirmation, ConfirmedRun, StoredConfirmation
from search.records.jobs import DEFAULTS, KMEANS, Job
from search.spaces import Space
from tests.unit.search.builders import SPACE

SEEDS = 3
INSIDE = {"lambda_self": 0.4, "b_self": 0.5, "lambda_cmcs.depth": 2.0}
STEADY = {evaluation: 30.0 + 0.2 * (evaluation % 3) for evaluation in range(1, 11)}


def result(
    *,
    finalists: int = 5,
    defaults: float = 20.0,
    kmeans: float | None = 15.0,
    noise: float = 0.0,
    **changes: Any,
) -> Result:
    values: dict[int, float | None] = {number: 31.0 - number for number in range(finalists)}
    values |= {DEFAULTS: defaults, KMEANS: kmeans}
    runs = {
        Job("reference" if number < 0 else "confirm", number, seed): ConfirmedRun(
            value=None if value is None else value + 0.1 * seed + noise * (number < 0) * (seed - 2)
        )
        for number, value in values.items()
        for seed in range(1, SEEDS + 1)
    }
    plan = StoredConfirmation(trials=tuple(range(finalists)), seeds=SEEDS, chosen_by="model")
    sound = Result(
        trial=0, scores=STEADY, top=[INSIDE] * 10, spread=0.2, space=SPACE, val_is_test=False,
        confirmed=confirmed(Confirmation(plan=plan, runs=runs, test=None)),
    )  # fmt: skip
    return dataclasses.replace(sound, **changes)


def without_labels(criteria: dict[str, float]) -> Confirmed | None:
    """Trial 0 and K-means, the latter with a frozen_probe of 0.6 and an entropy of 0.95."""
    plan = StoredConfirmation(trials=(0, 1, 2, 3, 4), seeds=SEEDS, chosen_by="value")
    kmeans = {"frozen_probe": 0.6, "entropy": 0.95}
    values = {
        job: (81.0, kmeans) if job.kind == "reference" else (91.0 - job.trial, criteria)
        for job in plan.jobs()
    }
    runs = {
        job: ConfirmedRun(value=value, figures=figures) for job, (value, figures) in values.items()
        if job.trial != DEFAULTS
    }  # fmt: skip
    runs |= {job: ConfirmedRun(value=50.0) for job in plan.jobs() if job.trial == DEFAULTS}
    return confirmed(Confirmation(plan=plan, runs=runs, test=None))


def test_a_result_that_leads_in_every_criterion_has_no_warning() -> None:
    leads = {"frozen_probe": 0.0, "entropy": -0.1}
    sound = without_labels({"frozen_probe": 0.61, "entropy": 0.86})
    assert warnings_of(result(confirmed=sound, leads=leads)) == ()
    equal = without_labels({"frozen_probe": 0.6, "entropy": 0.86})
    assert len(warnings_of(result(confirmed=equal, leads=leads))) == 1


def test_a_reference_that_is_not_exceeded_at_all_is_named_once() -> None:
    worse = without_labels({"frozen_probe": 0.1})
    assert worse is not None
    low = dataclasses.replace(worse, best=dataclasses.replace(worse.best, mean=80.0))
    lines = warnings_of(result(confirmed=low, leads={"frozen_probe": 0.0}))
    assert [line.partition(":")[0] for line in lines] == ["no success"]


def test_a_sound_result_has_no_warning() -> None:
    assert warnings_of(result()) == ()


def test_a_study_of_one_trial_cannot_have_more_finalists() -> None:
    """Nor does it have values that could be at the end of a range."""
    assert warnings_of(result(finalists=1, space=Space(hyper_parameters=()), top=[{}])) == ()


PROVOKED = {
    "below_reference": (
        result(defaults=32.0),
        "no success: trial 0 (31.20) is not above defaults",
    ),
    "near_reference": (
        result(defaults=30.0, noise=2.0),
        "no clear success: trial 0 (31.20) is above defaults (30.20) by no more than seeds may",
    ),
    "lacking_reference": (
        result(
            confirmed=without_labels({"frozen_probe": 0.7, "entropy": 0.8}),
            leads={"frozen_probe": 0.0, "entropy": -0.1, "unknown": 0.0},
        ),
        "no clear success: trial 0 (91.00) is above kmeans (81.00), but its entropy is 0.800"
        " against 0.950: a score without labels may rise",
    ),
    "selected_on_test": (result(val_is_test=True), "trials are chosen on the test split"),
    "single_seed": (result(confirmed=None), "trial 0 was trained with a single seed"),
    "lucky_look": (
        result(scores={**STEADY, 4: 36.0}),
        "the best evaluation of trial 0 is 36.00, the median of its last 5 is 30.20",
    ),
    "at_bound": (
        result(top=[{**INSIDE, "b_self": 0.96}] * 3 + [INSIDE] * 7),
        "3 of the best 10 runs are within 5 % of the upper bound 1 of b_self",
    ),
    "few_finalists": (result(finalists=3), "3 finalists were compared"),
    "missing_references": (result(kmeans=None), "every run of the reference kmeans failed"),
}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_warning_appears_where_it_is_caused(name: str) -> None:
    provoked, text = PROVOKED[name]
    [line] = warnings_of(provoked)
    assert line.startswith(text)


def test_a_single_finalist_is_named_in_the_singular() -> None:
    [line] = warnings_of(result(finalists=1))
    assert line == "1 finalist was compared: 5 find more"


def test_runs_that_collapsed_or_failed_are_shown() -> None:
    runs = {
        Job("confirm", 7, 1): ConfirmedRun(value=30.0, collapsed=True),
        Job("confirm", 7, 2): ConfirmedRun(value=31.0),
        Job("confirm", 7, 3): ConfirmedRun(value=None, failure="RuntimeError"),
    }
    plan = StoredConfirmation(trials=(7,), seeds=SEEDS, chosen_by="value")
    found = confirmed(Confirmation(plan=plan, runs=runs, test=None))
    lines = warnings_of(result(confirmed=found))
    assert "1 of 3 fresh runs of trial 7 collapsed" in lines
    assert "1 of 3 fresh runs of trial 7 failed" in lines


def test_every_warning_is_provoked() -> None:
    assert {warning.__name__ for warning in WARNINGS} == {*PROVOKED, "collapsed_or_failed"}


def test_a_short_run_and_an_unknown_space_cause_no_warning() -> None:
    assert warnings_of(result(scores={1: 50.0, 2: 30.0}, space=None, spread=None)) == ()
