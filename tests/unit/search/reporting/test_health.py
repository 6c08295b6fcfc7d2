"""Every health check fails for an unhealthy study, and passes for a healthy one."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from search.config.configuration import LaunchConfig
from search.quality.bounds import CrowdedBound
from search.reporting.health import CHECKS, Finding, HealthCheck, examine, health_json
from search.reporting.health.bounds import wider_range
from search.reporting.measures import full_runs
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import WAITS, TrialView
from tests.unit.search.commands.test_commands_to_paste import check_parses
from tests.unit.search.reporting.studies import (
    BEST,
    MINUTE,
    NOT_CONFIRMED,
    collapsed,
    confirmation,
    details_of,
    full_run,
    healthy_trials,
)

#: A trial that the pruner spares, since its number is a multiple of ten.
IMMUNE = 30


def finding(name: str, details: StudyDetails) -> Finding:
    return next(check for check in CHECKS if check.name == name).examine(details)


def changed(number: int, **changes: Any) -> list[TrialView]:
    """The healthy trials with one of them changed."""
    trials = healthy_trials()
    trials[number] = dataclasses.replace(trials[number], **changes)
    return trials


def best_three_with(**params: float) -> list[TrialView]:
    best = [trial.number for trial in full_runs(details_of().view)[:3]]
    return [
        dataclasses.replace(trial, params={**trial.params, **params})
        if trial.number in best
        else trial
        for trial in healthy_trials()
    ]


def fresh(means: dict[int, float], **changes: Any) -> dict[str, Any]:
    """A change of the view: these fresh runs."""
    return {"confirmation": confirmation(means, **changes)}


def not_confirmed(trials: list[TrialView] | None = None) -> StudyDetails:
    return details_of(trials, view={"confirmation": NOT_CONFIRMED})


def with_settings(details: StudyDetails, **tables: dict[str, Any]) -> StudyDetails:
    config = {key: dict(value) for key, value in details.view.config.items() if key in tables}
    merged = {**details.view.config, **{key: {**config[key], **tables[key]} for key in tables}}
    return dataclasses.replace(details, view=dataclasses.replace(details.view, config=merged))


def late_bloomer(value: float) -> list[TrialView]:
    """An immune run was the worst one in the middle of its run."""
    slow = {step: (5.0 if step < 9 else value) for step in range(1, 11)}
    return changed(IMMUNE, scores=slow, value=value)


def lucky() -> list[TrialView]:
    scores = dict(healthy_trials()[BEST].scores)
    scores[6] = 39.0
    return changed(BEST, scores=scores, value=39.0)


def close() -> list[TrialView]:
    return changed(38, value=31.99)


def idle() -> list[TrialView]:
    """Each trial was sampled long after the one before had ended."""
    return [
        dataclasses.replace(
            trial, started_at=trial.ended_at - MINUTE / 10 if trial.ended_at else None
        )
        for trial in healthy_trials()
    ]


def early_best() -> list[TrialView]:
    return changed(1, value=40.0)


def failing(count: int) -> list[TrialView]:
    failed = full_run(1, 0.0, state="failed", value=None, reason="RuntimeError: no")
    return [*healthy_trials(), *(dataclasses.replace(failed, number=40 + n) for n in range(count))]


def many_at_bound() -> list[TrialView]:
    return [
        dataclasses.replace(trial, params={**trial.params, "b_self": 0.99})
        for trial in healthy_trials()
    ]


PROVOKED: list[tuple[str, str, StudyDetails, str]] = [
    ("running", "WARN", details_of(view={"state": "running"}), "still running"),
    ("running", "WARN", details_of(view={"state": "paused"}), "no process drives it"),
    ("few-full-runs", "FAIL", details_of([full_run(0, 20.0), collapsed(1)]), "1 of 2"),
    ("few-full-runs", "WARN", details_of(healthy_trials()[:6]), "6 of 6"),
    ("margin", "WARN", not_confirmed(close()), "1 trials (38)"),
    ("lucky-evaluation", "WARN", details_of(lucky()), "the best evaluation of trial 25 is 39.00"),
    (
        "lucky-evaluation", "FAIL",
        with_settings(details_of(lucky()), evaluation={"report": "best"}),
        'report = "last"',
    ),
    ("one-seed", "WARN", not_confirmed(), "one seed"),
    ("one-seed", "WARN", details_of(view=fresh({BEST: 31.0}, planned=5)), "6 runs are missing"),
    ("claim", "WARN", not_confirmed(changed(2, value=60.0)), "the best value is 60.00"),
    ("margin", "WARN", details_of(view=fresh({BEST: 31.0, 7: 31.0})), "do not tell trial 25 from"),
    ("defaults", "WARN", not_confirmed(changed(0, value=31.95)), "0.05 above"),
    ("defaults", "FAIL", not_confirmed(changed(0, value=33.0)), "no trial is better"),
    ("defaults", "FAIL", details_of(view=fresh({BEST: 21.0})), "1.00 below the default"),
    ("frozen-kmeans", "WARN", not_confirmed(), "not known"),
    (
        "frozen-kmeans", "FAIL",
        details_of(view=fresh({BEST: 31.0}, kmeans=33.0)),
        "2.00 below",
    ),
    ("near-bound", "WARN", details_of(best_three_with(b_self=0.99)), "upper bound 1 of b_self"),
    (
        "near-bound", "WARN",
        details_of(best_three_with(learning_rate=1.1e-4)),
        "3 of the best 10 runs are within 5 % of the lower bound 0.0001 of learning_rate",
    ),
    ("near-bound", "FAIL", details_of(many_at_bound()), "10 of the best 10"),
    ("improving", "WARN", details_of(changed(38, value=40.0)), "likely to find a better"),
    ("improving", "WARN", details_of(early_best()), "hardly help"),
    (
        "pruning", "FAIL", details_of(late_bloomer(34.0)),
        f"stopped 4, {IMMUNE} of them in the best fifth; the best value would be 2.00 lower",
    ),
    ("pruning", "WARN", details_of(late_bloomer(31.999)), "1 of 15 full runs would have been"),
    ("pruning", "WARN", details_of(healthy_trials()[:10]), "too few runs to know: 0 of 4"),
    ("pruning", "WARN", details_of(healthy_trials()[:5]), "not known: fewer than 6"),
    (
        "pruning", "WARN", with_settings(details_of(), search={"pruner": "median"}),
        "median spares no trial",
    ),
    (
        "collapsed", "WARN",
        details_of([
            collapsed(n, params={**full_run(n, 0.0).params, "b_self": 0.95}) if n % 2 else run
            for n, run in enumerate(healthy_trials())
        ]),
        "half of them at b_self ≥ 0.95",
    ),
    (
        "collapsed", "FAIL",
        details_of([collapsed(n) if n % 4 else run for n, run in enumerate(healthy_trials())]),
        "collapsed (75 %)",
    ),
    (
        "test-split", "FAIL",
        with_settings(details_of(), data={"options": {"val": "test"}}),
        "selected on the test split",
    ),
    ("test-split", "WARN", details_of(view={"test": None}), "no test scores"),
    ("data", "WARN", with_settings(details_of(), data={"name": "nyu"}), "not known"),
    (
        "data", "WARN",
        dataclasses.replace(
            with_settings(details_of(), data={"name": "folder", "root": "/my data"}),
            attributes={"data_notes": ["there is no list of val", "3 files\nare not used"]},
        ),
        "there is no list of val; 3 files are not used",
    ),
    ("lost-attempts", "WARN", details_of(changed(3, attempts=("new", "lost"))), "1 lost"),
    ("lost-attempts", "FAIL", details_of(failing(9)), "9 trials failed"),
    ("idle", "FAIL", details_of(idle()), "%"),
    (
        "others", "WARN",
        details_of([*healthy_trials(), full_run(40, 0, state="waiting", queued=WAITS)]),
        "never ran",
    ),
    ("others", "WARN", details_of(counts={"foreign": 2}), "2 trials were added"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "level", "details", "text"), PROVOKED)
def test_a_check_fires(name: str, level: str, details: StudyDetails, text: str) -> None:
    found = finding(name, details)
    assert (found.level, text in found.line) == (level, True), found
    assert found.fix


def test_every_check_is_provoked() -> None:
    assert {name for name, *_ in PROVOKED} == {check.name for check in CHECKS}
    assert len(CHECKS) >= 12


def test_a_healthy_study_passes_every_check() -> None:
    found = {check.name: each for check, each in examine(details_of())}
    assert {name: each.line for name, each in found.items() if each.level != "PASS"} == {}
    assert not any(each.fix for each in found.values())


@pytest.mark.parametrize(
    "trials",
    [[], [full_run(0, 20.0)], [collapsed(0), collapsed(1)], failing(3)[-3:]],
    ids=["empty", "one trial", "all pruned", "all failed"],
)
def test_every_check_answers_in_one_line_for_any_study(trials: list[TrialView]) -> None:
    for _, found in examine(not_confirmed(trials)):
        assert found.line and "\n" not in found.line
        assert (found.level == "PASS") == (not found.fix)


def test_settings_of_another_version_are_not_an_error() -> None:
    details = details_of()
    later = dataclasses.replace(
        details, view=dataclasses.replace(details.view, config={}, space=None)
    )
    assert len(examine(later)) == len(CHECKS)


def test_the_fixes_are_commands_that_are_taken() -> None:
    fixes = {finding(name, details).fix for name, _, details, _ in PROVOKED}
    for fix in fixes:
        own = fix.split(" > ")[0]
        check_parses(shlex.split(own))


def test_the_fixes_name_the_database() -> None:
    storage = ("--storage", "embedded:/a b")
    for name, _, details, _ in PROVOKED:
        elsewhere = dataclasses.replace(
            details, view=dataclasses.replace(details.view, storage=storage)
        )
        words = shlex.split(finding(name, elsewhere).fix.split(" > ")[0])
        check_parses(words)
        assert words[2] == "trainer" or storage[1] in words, name


def test_findings_as_json() -> None:
    found = health_json(examine(details_of(view={"state": "running"})))
    assert json.loads(json.dumps(found))[0] == {
        "check": "running",
        "title": "Has the search ended?",
        "level": "WARN",
        "finding": "still running: 40 of 40 trials; everything here may change",
        "fix": "python -m search attach rooms-3",
    }


def test_every_reading_of_the_test_split_is_counted() -> None:
    view = details_of().view
    again = dataclasses.replace(view.confirmation, test={"trial": BEST, "reading": 2})

    assert "test was scored once" in finding("test-split", details_of()).line
    twice = details_of(view={"confirmation": again})
    assert "test was scored 2 times" in finding("test-split", twice).line


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_page_lists_every_check(check: HealthCheck) -> None:
    page = Path(__file__).parents[4] / "docs/report.md"
    assert f"| `{check.name}` | {check.title} |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["few-full-runs", "claim", "improving", "defaults"])
@pytest.mark.parametrize(
    ("state", "target", "command"),
    [
        ("paused", 40, "resume rooms-3"),
        ("running", 40, "attach rooms-3"),
        ("finished", 2, "resume rooms-3 --trials 22"),
        ("paused", 2, "resume rooms-3 --trials 22"),
    ],
)
def test_trials_that_are_left_come_before_more_of_them(
    name: str, state: str, target: int, command: str
) -> None:
    details = details_of(
        [collapsed(0), collapsed(1)], view={"state": state, "target": target, "best": None}
    )
    assert finding(name, details).fix == f"python -m search {command}"


@pytest.mark.parametrize("upper", [False, True])
def test_a_wider_range_is_one_that_the_space_takes(upper: bool) -> None:
    details = with_settings(details_of(), search={"space": "ratio", "ranges": {}})
    config = LaunchConfig.from_table(details.view.config)
    weight = next(each for each in config.space().hyper_parameters if each.name == "lambda_self")
    bound = CrowdedBound(parameter=weight, upper=upper, near=5, best=10)
    flag, text = wider_range(details, bound)
    name, _, value = text.partition("=")
    numbers = [float(part) for part in value.split(":")]
    table = dict(details.view.config)
    if flag == "--range":
        table["search"] = {**table["search"], "ranges": {name: numbers}}
    else:
        table["hyper"] = {name: numbers[0]}
    assert name == "lambda_self" and LaunchConfig.from_table(table)
