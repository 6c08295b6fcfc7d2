"""The contract of every store with the write queue: each write is stored exactly once."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from search.config.configuration import LaunchConfig
from search.driver.study_changes import NumberTaken, TrialOver
from search.driver.write_queue import Store
from search.driver.writes import (
    AddTrial,
    EndTrial,
    NewAttempt,
    StartQueued,
    StoreReport,
    StoreTest,
    Write,
)
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import Completed, trial_end
from search.samplers.startup import startup_point
from tests.fakes.search_process import CONFIG
from tests.fakes.training import fake_report
from tests.integration.search.stores import OPENERS, OpenStore, StoredTrial

PARAMETERS = startup_point(LaunchConfig.from_table(CONFIG).space(), 0, seed=5)
REPORTS = [fake_report(PARAMETERS, 0, evaluation) for evaluation in (1, 2)]
SCORES = {report.evaluation: MIOU_ACCURACY.score(report) for report in REPORTS}
ADD = AddTrial(trial=0, parameters=PARAMETERS, epoch=1)
FIRST, SECOND = (
    StoreReport(trial=0, report=report, score=SCORES[report.evaluation]) for report in REPORTS
)
AGAIN = NewAttempt(trial=0, attempt=2, epoch=1, why="lost")
END = EndTrial(trial=0, end=trial_end(Completed(value=SCORES[2]), REPORTS, MIOU_ACCURACY))
#: A trial from its beginning to its end.
WRITES: tuple[Write, ...] = (ADD, FIRST, AGAIN, SECOND, END)
WHOLE = StoredTrial(
    params=PARAMETERS,
    attempts=(1, 2),
    reports=(1, 2),
    scores=SCORES,
    state=TrialState.COMPLETE,
    value=SCORES[2],
)
TEST = StoreTest(result={"trial": 0}, finished=1)


@pytest.fixture(params=list(OPENERS))
def opened(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    with OPENERS[request.param](request) as store:
        yield store


Apply = Callable[[Store, Write], None]


def once(store: Store, entry: Write) -> None:
    store.apply(entry, possibly_applied=False)


def without_answer(store: Store, entry: Write) -> None:
    """It was stored, but never acknowledged: it is tried again."""
    once(store, entry)
    store.apply(entry, possibly_applied=True)


def interrupted(store: Store, entry: Write) -> None:
    """It was not stored, but the queue cannot know."""
    store.apply(entry, possibly_applied=True)


@pytest.mark.parametrize("apply", [once, without_answer, interrupted])
def test_every_write_of_a_trial_is_stored_once(opened: OpenStore, apply: Apply) -> None:
    for entry in WRITES:
        apply(opened.store, entry)
    assert opened.trials() == {0: WHOLE}


@pytest.mark.parametrize("apply", [once, without_answer, interrupted])
def test_a_queued_trial_is_taken_up_once(opened: OpenStore, apply: Apply) -> None:
    number = opened.queue()
    opened.store.read_changes()
    taken = StartQueued(trial=number, parameters=PARAMETERS, epoch=1, queued="by a person")
    apply(opened.store, taken)
    assert opened.trials() == {
        number: StoredTrial(params=PARAMETERS, attempts=(1,), reports=(), scores={})
    }


@pytest.mark.parametrize("apply", [once, without_answer, interrupted])
def test_scores_on_test_are_stored(opened: OpenStore, apply: Apply) -> None:
    once(opened.store, ADD)
    assert opened.test() is None
    apply(opened.store, TEST)
    assert opened.test() == TEST.result


def test_a_score_that_is_not_finite_leaves_its_report(opened: OpenStore) -> None:
    once(opened.store, ADD)
    once(opened.store, replace(FIRST, report=replace(REPORTS[0], loss=math.nan), score=None))
    stored = opened.trials()[0]
    assert (stored.reports, stored.scores) == ((1,), {})


def test_own_writes_are_not_reported_as_changes(opened: OpenStore) -> None:
    for entry in WRITES:
        once(opened.store, entry)
        assert not opened.store.read_changes().has_changes


def test_a_request_to_stop_is_seen(opened: OpenStore) -> None:
    assert not opened.store.read_changes().stop_requested
    opened.ask_to_stop()
    assert opened.store.read_changes().stop_requested


def test_a_queued_trial_is_listed_once(opened: OpenStore) -> None:
    once(opened.store, ADD)
    number = opened.queue()
    assert [row.number for row in opened.store.read_changes().added] == [number]
    assert opened.store.read_changes().added == ()


def test_a_number_taken_by_another_user_is_not_reused(opened: OpenStore) -> None:
    once(opened.store, ADD)
    number = opened.queue()
    with pytest.raises(NumberTaken):
        once(opened.store, replace(ADD, trial=number))
    assert opened.trials().keys() == {0}
    once(opened.store, replace(ADD, trial=number + 1))
    assert opened.trials().keys() == {0, number + 1}


def test_a_trial_ended_by_another_user_cannot_be_ended_again(opened: OpenStore) -> None:
    once(opened.store, ADD)
    once(opened.store, FIRST)
    opened.end(0)
    with pytest.raises(TrialOver):
        once(opened.store, END)
    assert opened.trials()[0].state is TrialState.FAIL
    assert [row.number for row in opened.store.read_changes().ended] == [0]
    assert opened.store.read_changes().ended == ()


def test_reviving_a_store_that_lives_changes_nothing(opened: OpenStore) -> None:
    once(opened.store, ADD)
    opened.store.revive()
    once(opened.store, FIRST)
    assert opened.trials()[0].reports == (1,)
