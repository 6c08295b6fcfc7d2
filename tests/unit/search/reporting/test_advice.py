"""The advice of ``next``: at most three commands, each with a figure from the study."""

import dataclasses
import datetime
import json
import re
import shlex
from typing import Any

import pytest

from search.quality.gains import Gain
from search.reporting.advice import MOST, Step, next_steps, steps_json
from search.reporting.advice.situation import Situation
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from tests.unit.search.commands.test_commands_to_paste import check_parses
from tests.unit.search.reporting.studies import (
    BEST,
    NOT_CONFIRMED,
    collapsed,
    confirmation,
    details_of,
    full_run,
    healthy_trials,
    params_of,
)
from tests.unit.search.reporting.test_health import best_three_with, failing

STORAGE = ("--storage", "embedded:/a b")


def not_confirmed(trials: list[TrialView] | None = None, **view: Any) -> StudyDetails:
    return details_of(trials, view={"confirmation": NOT_CONFIRMED, "storage": STORAGE, **view})


def step(name: str, details: StudyDetails) -> Step:
    found = {each.name: each for each in next_steps(details)}
    assert name in found, found
    return found[name]


def noisy() -> list[TrialView]:
    """Runs whose values differ by luck alone."""
    return [full_run(number, 30.0 + 2.0 * ((number * 0.618) % 1)) for number in range(40)]


def ranges(details: StudyDetails, **given: tuple[float, float]) -> StudyDetails:
    search = {**details.view.config["search"], "ranges": given}
    config = {**details.view.config, "search": search}
    return dataclasses.replace(details, view=dataclasses.replace(details.view, config=config))


def test_a_finished_search_is_confirmed_with_its_price_and_its_worth() -> None:
    found = step("confirm", not_confirmed())
    pattern = r"confirm the top 5 with 5 seeds: (\d+) % more compute, the pick changes in \d+ % of"
    match = re.match(pattern, found.line)
    assert match, found.line
    # 25 runs of finalists and 5 of the defaults, beside 36 full runs and 4 of 30 %.
    assert int(match[1]) == round(100 * 30 * 100 / (36 * 100 + 4 * 30))
    assert found.command == (
        "python -m search confirm rooms-3 --storage 'embedded:/a b' --top 5 --seeds 5"
    )
    assert found.gain is not None and found.hours == pytest.approx(30 / 60)


def test_the_time_in_which_nobody_drove_the_study_costs_nothing() -> None:
    details = not_confirmed()
    [session] = details.sessions
    assert details.view.trials[1].ended_at is not None
    stopped = details.view.trials[1].ended_at - datetime.timedelta(seconds=30)
    pause = datetime.timedelta(hours=9)

    def later(trial: TrialView) -> TrialView:
        """The trial in flight spans the pause; those after it begin later."""
        assert trial.started_at is not None and trial.ended_at is not None
        return dataclasses.replace(
            trial,
            started_at=trial.started_at + pause * (trial.started_at > stopped),
            ended_at=trial.ended_at + pause * (trial.ended_at > stopped),
        )

    view = dataclasses.replace(details.view, trials=tuple(map(later, details.view.trials)))
    sessions = (
        dataclasses.replace(session, ended=stopped),
        dataclasses.replace(session, began=stopped + pause),
    )
    paused = dataclasses.replace(details, view=view, sessions=sessions)
    found, expected = Situation(paused), Situation(details)
    assert found.hours_of_trials(100) == pytest.approx(expected.hours_of_trials(100))
    assert found.hours_of_runs(30) == pytest.approx(expected.hours_of_runs(30))
    lost = dataclasses.replace(paused, sessions=(session,))
    assert Situation(lost).hours_of_trials(100) != pytest.approx(expected.hours_of_trials(100))


def test_a_search_elsewhere_comes_before_more_runs_that_collapse() -> None:
    most = details_of(
        [
            collapsed(n, params={**run.params, "b_self": 0.95}) if n % 4 else run
            for n, run in enumerate(healthy_trials())
        ]
    )
    first = next_steps(most)[0]
    assert first.name == "collapsed"
    assert first.line.startswith("30 of 40 runs collapsed (75 %), half of them at b_self")
    assert "launch --like=rooms-3 --range b_self=" in first.command
    check_parses(shlex.split(first.command))
    some = details_of([run if n % 4 else collapsed(n) for n, run in enumerate(healthy_trials())])
    assert "collapsed" not in {each.name for each in next_steps(some)}


def test_finalists_that_look_alike_get_more_seeds() -> None:
    alike = details_of(view={"confirmation": confirmation({BEST: 31.0, 7: 31.0})})
    found = step("confirm", alike)
    assert "6 seeds: 3 do not tell trial" in found.line and "--seeds 6" in found.command
    clear = details_of(view={"confirmation": confirmation({BEST: 31.0})})
    assert "confirm" not in {each.name for each in next_steps(clear)}


def test_missing_runs_are_made_up_for() -> None:
    short = details_of(view={"confirmation": confirmation({BEST: 31.0, 7: 30.0}, planned=5)})
    found = step("confirm", short)
    assert found.line == "8 of 20 fresh runs are missing"
    assert found.command == "python -m search confirm rooms-3 --top 2 --seeds 5"


@pytest.mark.parametrize("done", [4, 0])
def test_a_confirmation_continues_with_all_its_finalists(done: int) -> None:
    """Also with those that have too few runs, or none, so far."""
    whole = confirmation({BEST: 31.0, 7: 30.0, 9: 29.0})
    short = dataclasses.replace(whole, runs=dict(list(whole.runs.items())[:done]))
    found = step("confirm", details_of(view={"confirmation": short}))
    assert found.line == f"{15 - done} of 15 fresh runs are missing"
    assert found.command == "python -m search confirm rooms-3 --top 3 --seeds 3"


def test_a_crowded_bound_is_fixed_where_the_method_ends() -> None:
    found = step("widen", not_confirmed(best_three_with(b_self=0.99)))
    assert found.line.startswith(
        "fix b_self: 3 of the best 10 runs are within 5 % of the upper bound 1 of b_self"
    )
    assert shlex.split(found.command)[-2:] == ["--fix", "b_self=1"]


def test_a_crowded_bound_that_the_user_chose_is_widened_up_to_the_method() -> None:
    details = not_confirmed(best_three_with(learning_rate=1.1e-4))
    chosen = ranges(details, learning_rate=(1e-4, 1e-1))
    found = step("widen", chosen)
    assert found.line.startswith("widen learning_rate: 3 of the best 10")
    words = shlex.split(found.command)
    assert words[-2:] == ["--range", "learning_rate=1e-05:0.1"]
    assert "--like=rooms-3" in words and found.hours == pytest.approx(40 / 60)


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("running", "python -m search stop rooms-3 --storage 'embedded:/a b'"),
        (
            "finished",
            "python -m search best rooms-3 --storage 'embedded:/a b' --format toml > best.toml",
        ),
    ],
)
def test_a_search_stops_where_more_trials_add_less_than_noise(state: str, command: str) -> None:
    found = step("stop", not_confirmed(noisy(), state=state, target=240))
    count = 200 if state == "running" else 100
    assert re.match(
        rf"stop: {count} more trials add \d\.\d+ ± \d\.\d+, and fresh runs", found.line
    )
    assert found.command == command


def test_a_model_that_sees_noise_alone_does_not_end_a_search() -> None:
    """It would promise 0.00 ± 0.00 of more trials, however few it has seen."""
    values = (26.3, 21.4, 29.1, 29.7, 24.3, 14.6, 23.0, 25.2, 24.7, 29.5, 27.0, 22.0)
    trials = [full_run(number, value) for number, value in enumerate(values)]
    details = not_confirmed(trials, state="paused", target=90)
    assert "stop" not in {each.name for each in next_steps(details)}
    found = step("more-trials", details)
    assert found.line == (
        "78 more trials: the model of 12 complete trials sees noise alone, not what they add"
    )
    assert found.gain is None and found.command.startswith("python -m search resume")


def test_a_search_that_still_gains_should_continue() -> None:
    places = [params_of(number)["lambda_self"] for number in range(40)]
    trials = [full_run(number, 20.0 + 10.0 * place) for number, place in enumerate(places)]
    found = step("more-trials", not_confirmed(trials))
    assert re.match(r"100 more trials add \d+\.\d+ ± \d+\.\d+", found.line)
    assert found.command.endswith("--trials 140") and found.rate is not None and found.rate > 0
    paused = step("more-trials", not_confirmed(trials, state="paused", target=90))
    assert paused.command.startswith("python -m search resume") and "50 more" in paused.line


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.002, ", 100 per hour"), (0.1, ", 2 per hour"), (3.0, ", 0.067 per hour"), (None, "")],
)
def test_a_rate_is_a_plain_number(hours: float | None, text: str) -> None:
    made = Step(
        name="more-trials", command="", line="", gain=Gain(mean=0.2, deviation=0.1), hours=hours
    )
    assert made.rate_text == text


def test_failures_come_first() -> None:
    found = next_steps(not_confirmed(failing(9)[-9:]))
    assert found[0].line == "look at the failures: 9 of 9 trials failed"
    # Also before steps whose gain is known.
    first, *others = next_steps(not_confirmed(failing(20)))
    assert first.name == "failures" and any(each.rate for each in others)


def test_the_best_rate_comes_first_and_unknown_ones_last() -> None:
    for details in (not_confirmed(), not_confirmed(best_three_with(b_self=0.99))):
        found = next_steps(details)
        rates = [each.rate for each in found]
        known = [max(rate, 0.0) for rate in rates if rate is not None]
        assert known == sorted(known, reverse=True) and len(found) <= MOST
        assert rates == [rate for rate in rates if rate is not None] + [None] * rates.count(None)


@pytest.mark.parametrize(
    "trials",
    [[], [full_run(0, 20.0)], [collapsed(0), collapsed(1)], failing(3)[-3:], healthy_trials()],
    ids=["empty", "one trial", "all pruned", "all failed", "healthy"],
)
@pytest.mark.parametrize("state", ["running", "paused", "finished"])
def test_every_study_gets_valid_commands(trials: list[TrialView], state: str) -> None:
    found = next_steps(not_confirmed(trials, state=state))
    assert found
    for each in found:
        words = shlex.split(each.command.split(" > ")[0])
        check_parses(words)
        assert STORAGE[1] in words and "\n" not in each.line
    assert json.loads(json.dumps(steps_json(found)))[0]["command"] == found[0].command


def test_a_study_of_another_version_is_not_an_error() -> None:
    details = not_confirmed()
    later = dataclasses.replace(details.view, config={}, space=None)
    assert next_steps(dataclasses.replace(details, view=later))
