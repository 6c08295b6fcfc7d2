import json
from collections.abc import Mapping, Sequence

import pytest

from search.quality.confirmed import Confirmed, confirmed
from search.records.confirmation import (
    CONFIRMED_TEST_ATTRIBUTE,
    PLAN_ATTRIBUTE,
    Confirmation,
    ConfirmedRun,
    StoredConfirmation,
    readings_of_test,
)
from search.records.jobs import DEFAULTS, KMEANS, Job
from search.records.stored_checkpoint import StoredCheckpoint

SEEDS = 4


def confirmation(
    finalists: Mapping[int, Sequence[float | None]],
    references: Mapping[int, Sequence[float | None]] | None = None,
) -> Confirmation:
    """The values of each finalist and reference by seed; None for a failed run."""
    runs: dict[Job, ConfirmedRun] = {}
    for trial, values in {**finalists, **(references or {})}.items():
        for seed, value in enumerate(values, start=1):
            job = Job("reference" if trial < 0 else "confirm", trial, seed)
            runs[job] = ConfirmedRun(value=value, failure="" if value is not None else "no")
    plan = StoredConfirmation(trials=tuple(finalists), seeds=SEEDS, chosen_by="model")
    return Confirmation(plan=plan, runs=runs, test=None)


def found(stored: Confirmation) -> Confirmed:
    made = confirmed(stored)
    assert made is not None
    return made


def test_the_best_mean_is_confirmed_with_the_interval_of_students_t() -> None:
    made = found(confirmation({3: [30, 31, 32, 33], 8: [34, 36, 34, 36], 5: [30, 30, 30, 30]}))
    assert made.best.trial == 8 and made.best.mean == 35
    assert made.best.interval == pytest.approx((33.163, 36.837), abs=1e-3)
    assert [each.trial for each in made.finalists] == [8, 3, 5]
    assert (made.done, made.planned) == (12, 20)


def test_finalists_are_compared_seed_by_seed() -> None:
    swings = [20.0, 30.0, 40.0, 50.0]
    always_less = [value - 1 - 0.1 * index for index, value in enumerate(swings)]
    sometimes = [value + (1 if index % 2 else -1.5) for index, value in enumerate(swings)]
    made = found(confirmation({1: swings, 2: always_less, 3: sometimes}))
    assert made.not_worse == (1, 3), "the common swings of the seeds cancel out"


def test_the_held_out_mean_is_free_of_the_luck_of_the_choice() -> None:
    lucky = found(confirmation({1: [30, 30, 30, 34], 2: [30, 30, 33, 30], 3: [30, 32, 30, 30]}))
    assert lucky.best.mean == 31
    assert lucky.held_out is not None and lucky.held_out < 31
    clear = found(confirmation({1: [40, 41, 40, 41], 2: [30, 30, 33, 30]}))
    assert clear.held_out == clear.best.mean


def test_failed_runs_are_left_out_and_counted() -> None:
    made = found(confirmation({1: [30, None, 32, 31], 2: [None, None, 99, None]}))
    assert made.best.trial == 1 and made.best.failed == 1
    assert made.best.values == {1: 30, 3: 32, 4: 31}
    assert [each.trial for each in made.finalists] == [1], "one lucky run confirms nothing"


def test_references_are_listed_and_a_trial_below_them_is_reported() -> None:
    references = {DEFAULTS: [30.0, 31.0, 30.0, 31.0], KMEANS: [20.0, 20.0, 21.0, 21.0]}
    made = found(confirmation({1: [29.0, 30.0, 29.0, 30.0]}, references))
    assert {name: each.mean for name, each in made.references.items()} == {
        "defaults": 30.5, "kmeans": 20.5,
    }  # fmt: skip
    assert made.below() == ("defaults",)


def test_without_runs_nothing_is_confirmed() -> None:
    assert confirmed(Confirmation(plan=None, runs={}, test=None)) is None
    assert confirmed(confirmation({1: [], 2: [30, 31]})) is None


def test_stored_values_are_read_back_and_others_are_ignored() -> None:
    plan = StoredConfirmation(trials=(4, 2), seeds=3, chosen_by="value")
    run = ConfirmedRun(value=31.5, collapsed=True, figures={"miou": 20.0})
    attributes = {
        PLAN_ATTRIBUTE: plan.to_json(),
        "confirm/4/seed-1": run.to_json(),
        "reference/kmeans/seed-2": run.to_json(),
        "confirm/x/seed-1": run.to_json(),
        "reference/other/seed-1": run.to_json(),
        "confirm/4/seed-2": "by somebody else",
        "confirm/4/seed-3": {"value": "high"},
        CONFIRMED_TEST_ATTRIBUTE: {"trial": 4, "reading": 3},
    }
    read = Confirmation.from_attributes(attributes)
    assert read.plan == plan
    assert read.runs == {Job("confirm", 4, 1): run, Job("reference", KMEANS, 2): run}
    assert readings_of_test({"trial": 1, "cluster": {}}, read.test) == 3
    other = Confirmation.from_attributes({PLAN_ATTRIBUTE: 5, CONFIRMED_TEST_ATTRIBUTE: []})
    assert other == Confirmation(plan=None, runs={}, test=None)


def test_the_end_of_a_search_counts_as_a_reading_of_test() -> None:
    assert readings_of_test(None, None) == 0
    assert readings_of_test({"trial": -1}, None) == 0
    assert readings_of_test({"trial": 1, "cluster": {}}, None) == 1


def test_a_search_that_was_extended_counts_every_reading_of_test() -> None:
    extended = {"trial": 9, "cluster": {}, "reading": 3}
    assert readings_of_test(extended, None) == 3
    assert readings_of_test(extended, {"trial": 9, "reading": 2}) == 3
    assert readings_of_test(extended, {"trial": 9, "reading": 4}) == 4


def test_a_run_is_stored_with_its_checkpoints() -> None:
    kept = StoredCheckpoint(place="confirm-00004-seed-1/1", evaluation=8, checksum="ab")
    run = ConfirmedRun(value=31.5, figures={"miou": 20.0}, checkpoints=(kept,))
    stored = json.loads(json.dumps(run.to_json()))
    assert ConfirmedRun.from_json(stored) == run
    assert "checkpoints" not in ConfirmedRun(value=31.5).to_json()
    assert ConfirmedRun.from_json({**stored, "checkpoints": [["a"]]}) is None
