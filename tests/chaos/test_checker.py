"""The checker finds every kind of damage, and nothing in an undamaged study."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.acknowledged import Acknowledged, ended_in_log, ends_in_log
from tests.chaos.checker import RULES, Expectation, same_search, violations
from tests.chaos.facts import LeaseFacts, ReportFacts, StudyFacts, TrialFacts, WriteFacts

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
STATES = ("COMPLETE", "PRUNED", "COMPLETE", "FAIL", "COMPLETE")  # 4 to be finished, 1 broken


def moment(second: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=second)


def trial(number: int, **changes: Any) -> TrialFacts:
    state = STATES[number]
    known = {
        "number": number,
        "state": state,
        "values": () if state == "FAIL" else (20.0 + number,),
        "parameters": {"b_self": 0.1 * (number + 1), "lambda_self": 0.5},
        "scores": {} if state == "FAIL" else {1: 10.0 + number, 2: 20.0 + number},
        "attempts": ((1, 1, "new"), (2, 2, "adopted")) if number == 2 else ((1, 1, "new"),),
    }
    return TrialFacts(**{**known, **changes})


def write(number: int, what: str, before: str | None, after: str, epoch: int = 1) -> WriteFacts:
    return WriteFacts(
        at=NOW, backend=f"b{epoch}", epoch=epoch, trial=number, what=what, before=before,
        after=after,
    )  # fmt: skip


def whole() -> StudyFacts:
    """Five trials under two drivers, one of them with a scheduled failure."""
    trials = tuple(trial(number) for number in range(5))
    counted = [one for one in trials if one.state != "FAIL"]
    return StudyFacts(
        name="s",
        target=4,
        finished=True,
        ranges={"b_self": (0.0, 1.0), "lambda_self": (0.0, 1.0)},
        trials=trials,
        reports=tuple(
            ReportFacts(trial=one.number, evaluation=evaluation, stored_at=moment(evaluation))
            for one in counted
            for evaluation in (1, 2)
        ),
        epoch=2,
        leases=(
            LeaseFacts(epoch=1, host="a", pid=1, acquired_at=moment(0), released_at=None),
            LeaseFacts(epoch=2, host="b", pid=2, acquired_at=moment(9), released_at=moment(20)),
        ),
        writes=(
            *(write(one.number, "trial", None, "RUNNING") for one in trials),
            write(0, "trial_intermediate_values", None, "10"),
            *(write(one.number, "trial_values", None, "1", epoch=2) for one in counted),
            *(write(one.number, "trial", "RUNNING", one.state, epoch=2) for one in trials),
        ),
    )


def acknowledged(what: str, number: int, **more: Any) -> Acknowledged:
    return Acknowledged(what=what, trial=number, epoch=1, pid=1, **more)


ACKNOWLEDGED = (
    acknowledged("add", 0, parameters={"b_self": 0.1, "lambda_self": 0.5}),
    acknowledged("report", 0, evaluation=1, value=10.0),
    acknowledged("end", 0, state="COMPLETE", value=20.0),
    acknowledged("end", 3, state="FAIL", value=None),
    acknowledged("line", 2, state="COMPLETE", value=22.0),
)
EXPECTED = Expectation(trials=4, broken=(3,), acknowledged=ACKNOWLEDGED)


def with_trial(place: int, /, **changes: Any) -> Callable[[StudyFacts], StudyFacts]:
    def damage(facts: StudyFacts) -> StudyFacts:
        trials = list(facts.trials)
        trials[place] = dataclasses.replace(trials[place], **changes)
        return dataclasses.replace(facts, trials=tuple(trials))

    return damage


def with_lease(place: int, **changes: Any) -> Callable[[StudyFacts], StudyFacts]:
    def damage(facts: StudyFacts) -> StudyFacts:
        leases = list(facts.leases)
        leases[place] = dataclasses.replace(leases[place], **changes)
        return dataclasses.replace(facts, leases=tuple(leases))

    return damage


def with_writes(*more: WriteFacts) -> Callable[[StudyFacts], StudyFacts]:
    return lambda facts: dataclasses.replace(facts, writes=(*facts.writes, *more))


def without_trial(number: int) -> Callable[[StudyFacts], StudyFacts]:
    return lambda facts: dataclasses.replace(
        facts, trials=tuple(one for one in facts.trials if one.number != number)
    )


def reports(*kept: tuple[int, int, float]) -> Callable[[StudyFacts], StudyFacts]:
    """The reports of trial 0 replaced: evaluation, trial and second."""

    def damage(facts: StudyFacts) -> StudyFacts:
        others = [report for report in facts.reports if report.trial != 0]
        mine = [
            ReportFacts(trial=number, evaluation=evaluation, stored_at=moment(second))
            for evaluation, number, second in kept
        ]
        return dataclasses.replace(facts, reports=(*mine, *others))

    return damage


DAMAGES: dict[str, tuple[Callable[[StudyFacts], StudyFacts], str]] = {
    "one too few": (with_trial(0, state="FAIL", values=()), "3 trials are finished, not 4"),
    "one too many": (with_trial(3, state="COMPLETE", values=(1.0,)), "5 trials are finished"),
    "another target": (lambda facts: dataclasses.replace(facts, target=5), "target is 5, not 4"),
    "not marked": (lambda facts: dataclasses.replace(facts, finished=False), "not marked"),
    "a gap": (without_trial(1), "trials are numbered [0, 2, 3, 4]"),
    "a number twice": (with_trial(4, number=2), "trials are numbered [0, 1, 2, 3, 2]"),
    "a failure of its own": (with_trial(2, state="FAIL", values=()), "trials [2, 3] failed"),
    "left running": (with_trial(1, state="RUNNING"), "trial 1 is left RUNNING"),
    "left waiting": (with_trial(1, state="WAITING"), "trial 1 is left WAITING"),
    "no value": (with_trial(0, values=()), "trial 0 (COMPLETE) has the values []"),
    "two values": (with_trial(0, values=(20.0, 20.0)), "has the values [20.0, 20.0]"),
    "a value that is None": (with_trial(0, values=(None,)), "has the values [None]"),
    "a score for a failure": (with_trial(3, values=(0.0,)), "trial 3 (FAIL) has the values"),
    "a parameter short": (with_trial(1, parameters={"b_self": 0.2}), "parameters: lambda_self"),
    "out of range": (
        with_trial(1, parameters={"b_self": 1.2, "lambda_self": 0.5}),
        "trial 1 has b_self = 1.2 out of range",
    ),
    "the same point": (
        with_trial(1, parameters={"b_self": 0.1, "lambda_self": 0.5}),
        "trials 0 and 1 are at the same point",
    ),
    "a report lost": (reports((2, 0, 2)), "trial 0 has the reports [2]"),
    "reports reordered": (reports((1, 0, 3), (2, 0, 2)), "not stored in their order"),
    "a score alone": (reports((1, 0, 1)), "trial 0 has scores without reports: [2]"),
    "reports of an unknown trial": (reports((1, 0, 1), (2, 0, 2), (1, 9, 1)), "not there: [9]"),
    "an attempt lost": (
        with_trial(2, attempts=((1, 1, "new"), (3, 2, "adopted"))),
        "trial 2 has the attempts [1, 3]",
    ),
    "no attempt": (with_trial(2, attempts=()), "trial 2 has the attempts []"),
    "an epoch without a lease": (with_trial(0, attempts=((1, 7, "new"),)), "have the epochs [7]"),
    "an epoch back": (
        with_trial(2, attempts=((1, 2, "new"), (2, 1, "adopted"))),
        "attempts of trial 2 have the epochs [2, 1]",
    ),
    "no beginning": (with_trial(0, attempts=((1, 1, "adopted"),)), "began as ['adopted']"),
    "an epoch unknown": (lambda facts: dataclasses.replace(facts, epoch=3), "has the epoch 3"),
    "two holders": (with_lease(0, released_at=moment(12)), "released after epoch 2 was taken"),
    "out of order": (with_lease(1, acquired_at=moment(-1)), "epoch 2 was taken before epoch 1"),
    "released first": (with_lease(1, released_at=moment(5)), "epoch 2 was released before"),
    "a stale writer": (
        with_writes(dataclasses.replace(write(0, "report", None, "3", epoch=2), backend="b1")),
        "connection b1 wrote under the epochs [1, 2]",
    ),
    "an old epoch": (with_writes(write(0, "report", None, "3")), "an epoch that was over"),
    "an end stored twice": (
        with_writes(write(0, "trial", "COMPLETE", "COMPLETE", epoch=2)),
        "the end of trial 0 was stored 2 times",
    ),
    "another value": (
        with_writes(write(0, "trial_values", "20", "21", epoch=2)),
        "trial_values of trial 0 went from 20 to 21",
    ),
    "a score after the end": (
        with_writes(write(0, "trial_intermediate_values", None, "3", epoch=2)),
        "trial_intermediate_values of trial 0 was written after its end",
    ),
    "an acknowledged trial is missing": (
        without_trial(0),
        "trial 0 was stored (add) and is missing",
    ),
    "acknowledged with another value": (
        with_trial(0, values=(19.0,)),
        "trial 0 was stored as COMPLETE 20.0 and is COMPLETE 19.0",
    ),
    "acknowledged in another state": (
        with_trial(0, state="PRUNED"),
        "trial 0 was stored as COMPLETE 20.0 and is PRUNED 20.0",
    ),
    "printed as another value": (with_trial(2, values=(22.1,)), "stored as COMPLETE 22.0"),
    "acknowledged with other parameters": (
        with_trial(0, parameters={"b_self": 0.11, "lambda_self": 0.5}),
        "trial 0 has other parameters than were stored",
    ),
    "an acknowledged report is missing": (
        reports((2, 0, 2)),
        "report 1 of trial 0 was stored and is missing",
    ),
    "an acknowledged score differs": (
        with_trial(0, scores={1: 9.0, 2: 20.0}),
        "score 1 of trial 0 was stored as 10.0 and is 9.0",
    ),
}


def test_a_study_that_is_whole_passes() -> None:
    assert violations(whole(), EXPECTED) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found(damage: str) -> None:
    change, line = DAMAGES[damage]
    found = violations(change(whole()), EXPECTED)
    assert any(line in one for one in found), found


def test_every_rule_finds_some_damage() -> None:
    damaged = [(change(whole()), EXPECTED) for change, _ in DAMAGES.values()]
    damaged += [(change(shared()), SHARED) for change, _ in SHARED_DAMAGES.values()]
    for rule in RULES:
        assert any(list(rule(facts, expected)) for facts, expected in damaged), rule.__name__


#: Trials of other users: one queued and run, one that did not fit, one added, one queued too late.
SHARED = Expectation(
    trials=5,
    broken=(3,),
    acknowledged=ACKNOWLEDGED,
    others={5: "queued", 6: "unfit", 7: "added", 8: "queued"},
)


def shared() -> StudyFacts:
    """The undamaged study, with trials that other users wrote through Optuna."""
    asked = {"b_self": 0.123, "lambda_self": 0.5}

    def row(number: int, state: str, **more: Any) -> TrialFacts:
        known: dict[str, Any] = {"values": (), "parameters": {}, "scores": {}, "attempts": ()}
        return TrialFacts(**{"number": number, "state": state, **known, **more})

    rows = (
        row(5, "COMPLETE", values=(1.0,), parameters=asked, attempts=((1, 2, "queued"),)),
        row(6, "FAIL"),
        row(7, "COMPLETE", values=(99.0,)),
        row(8, "WAITING"),
    )
    return dataclasses.replace(whole(), target=5, trials=(*whole().trials, *rows))


SHARED_DAMAGES: dict[str, tuple[Callable[[StudyFacts], StudyFacts], str]] = {
    "run otherwise than asked": (
        with_trial(5, parameters={"b_self": 0.5, "lambda_self": 0.2}),
        "trial 5 was queued with {'b_self': 0.123}",
    ),
    "run though it does not fit": (
        with_trial(6, state="COMPLETE", values=(1.0,)),
        "6 trials are finished, not 5",
    ),
    "an end of theirs changed": (
        with_trial(7, state="FAIL", values=()),
        "trial 7 was added as COMPLETE 99, and is FAIL",
    ),
    "passed over": (with_trial(5, state="WAITING"), "trial 5 is left WAITING"),
    "not marked as queued": (
        with_trial(5, attempts=((1, 2, "new"),)),
        "the attempts of trial 5 began as ['new']",
    ),
}


def test_writes_that_others_may_make_pass() -> None:
    assert violations(shared(), SHARED) == []


@pytest.mark.parametrize("damage", SHARED_DAMAGES)
def test_damage_to_trials_of_others_is_found(damage: str) -> None:
    change, line = SHARED_DAMAGES[damage]
    found = violations(change(shared()), SHARED)
    assert any(line in one for one in found), found


def test_an_end_that_was_acknowledged_twice_is_found() -> None:
    twice = dataclasses.replace(EXPECTED, acknowledged=(*ACKNOWLEDGED, ACKNOWLEDGED[2]))
    (found,) = violations(whole(), twice)
    assert found == "the end of trial 0 was acknowledged 2 times to one driver"
    # a successor that tries an entry again finds the end that the first driver stored
    successor = dataclasses.replace(ACKNOWLEDGED[2], pid=2)
    both = dataclasses.replace(EXPECTED, acknowledged=(*ACKNOWLEDGED, successor))
    assert not violations(whole(), both)


@pytest.mark.parametrize("what", ["values", "parameters", "scores", "state"])
def test_a_search_that_differs_from_the_undisturbed_one_is_found(what: str) -> None:
    other = {"values": (1.0,), "parameters": {}, "scores": {1: 1.0}, "state": "PRUNED"}[what]
    assert same_search(whole(), whole()) == []
    (line,) = same_search(with_trial(2, **{what: other})(whole()), whole())
    assert line.startswith(f"trial 2 has {what} ")


def test_the_plain_log_is_read() -> None:
    log = (
        "trial 0 complete: 23.71 (best so far)\ntrial 0 adopted as attempt 2\n"
        "trial 1 pruned, collapsed: one cluster\ntrial 0 complete: 23.72\ntrial 2 failed: E: no\n"
        "trial 3 broke: E; try 2 of 3\n"
    )
    assert ended_in_log(log) == 3
    assert [(one.trial, one.state, one.value) for one in ends_in_log(log)] == [
        (0, "COMPLETE", 23.72), (1, "PRUNED", None), (2, "FAIL", None),
    ]  # fmt: skip
