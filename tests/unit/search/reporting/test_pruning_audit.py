"""The pruner of a study is replayed over its immune runs, with the trials known at the time."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from search.quality.audit import Audit, NotAudited
from search.reporting.assessing import LATER, assess
from search.reporting.assessment_text import assessment_lines
from search.reporting.digest import compute_lines
from search.reporting.pruning_audit import audit_of
from search.reporting.study_view import StudyView, TrialView
from search.spaces import Space
from tests.unit.search.reporting.studies import (
    BEGAN,
    EVALUATIONS,
    MINUTE,
    collapsed,
    details_of,
    full_run,
)

#: Trials 0 and 1 are immune, and every fifth one.
OPTIONS = {"immune_first": 2, "immune_every": 5, "least_full_runs": 2, "window": 1}


def run(number: int, value: float, scores: list[float] | None = None, **times: Any) -> TrialView:
    """A full run whose scores equal its value, in its own minute."""
    curve = scores or [value] * EVALUATIONS
    return full_run(number, value, scores=dict(enumerate(curve, start=1)), **times)


def view_of(trials: list[TrialView], **search: Any) -> StudyView:
    settings: Mapping[str, Any] = {"pruner_options": OPTIONS, **search}
    return details_of(trials, config={"search": dict(settings)}).view


def audited(trials: list[TrialView], **search: Any) -> Audit:
    found = audit_of(view_of(trials, **search))
    assert isinstance(found, Audit), found
    return found


LATE = [1.0] * 8 + [40.0] * 2
FIRST = [run(0, 20.0), run(1, 20.0), run(2, 20.0), run(3, 20.0), run(4, 20.0)]


def test_a_late_bloomer_would_have_been_a_loss() -> None:
    found = audited([*FIRST, run(5, 40.0, LATE)])
    assert (found.runs, found.unjudged) == (1, 2)  # 0 and 1 ended before two runs were known
    assert found.stopped == found.lost == (5,)
    assert found.cost == 20.0


def test_a_bad_run_that_would_be_stopped_is_not_lost() -> None:
    found = audited([*FIRST, run(5, 1.0), run(6, 20.0), run(10, 30.0)])
    assert (found.runs, found.stopped, found.lost, found.cost) == (2, (5,), (), 0.0)


def test_runs_that_are_not_immune_show_nothing() -> None:
    found = audited([*FIRST, run(5, 20.0), run(6, 40.0, LATE)])
    assert (found.runs, found.stopped) == (1, ())


def test_only_earlier_runs_are_known() -> None:
    low, high = [run(n, 1.0) for n in (0, 1)], [run(n, 90.0) for n in (2, 3, 4, 6, 7, 8)]
    judged = run(10, 2.0)
    assert audited([*low, *high, judged]).stopped == (10,)
    later = [dataclasses.replace(each, ended_at=BEGAN + 19 * MINUTE) for each in high]
    assert audited([*low, *later, judged]).stopped == ()


def test_a_trial_that_ends_during_the_run_is_known_from_then_on() -> None:
    curve = [50.0] * 7 + [5.0] * 3
    judged = run(5, 5.0, curve, started_at=BEGAN, ended_at=BEGAN + 10 * MINUTE)
    for minute, stopped in ((7.5, (5,)), (9.5, ())):
        others = [
            run(n, 20.0, started_at=BEGAN, ended_at=BEGAN + minute * MINUTE) for n in range(5)
        ]
        found = audit_of(view_of([*others, judged]))
        assert (found.stopped if isinstance(found, Audit) else ()) == stopped


def test_a_handful_of_runs_is_not_replayed() -> None:
    assert audit_of(view_of(FIRST)) == NotAudited(reason="fewer than 6 complete trials")


def test_runs_that_end_at_once_do_not_know_each_other() -> None:
    still: dict[str, Any] = {"started_at": BEGAN, "ended_at": BEGAN}
    found = audit_of(view_of([run(n, 20.0, **still) for n in range(6)]))
    assert isinstance(found, NotAudited) and "too few full runs" in found.reason


def test_a_run_without_times_is_not_judged() -> None:
    found = audited([*FIRST, run(5, 1.0, started_at=None), run(10, 20.0)])
    assert (found.runs, found.unjudged, found.stopped) == (1, 3, ())


def test_collapsed_trials_are_not_full_runs() -> None:
    found = audited([*FIRST, collapsed(5), run(10, 30.0)])
    assert (found.runs, found.unjudged) == (1, 2)


def test_the_stored_settings_decide() -> None:
    trials = [*FIRST, run(5, 40.0, LATE)]
    assert audited(trials, pruner_options={**OPTIONS, "warm_up": 0.9}).stopped == ()
    default = audit_of(view_of(trials, pruner_options={}))
    assert isinstance(default, Audit) and default.runs == 1  # of the first 20 it knows five by 5


@pytest.mark.parametrize(
    ("search", "reason", "nothing_to_lose"),
    [
        ({"pruner": "none"}, "without a pruner every healthy trial runs to its end", True),
        ({"pruner": "median"}, "median spares no trial, so that no full run shows what it loses",
         False),
    ],
)  # fmt: skip
def test_a_pruner_that_spares_no_trial_is_not_audited(
    search: dict[str, Any], reason: str, nothing_to_lose: bool
) -> None:
    view = view_of([*FIRST, run(5, 40.0, LATE)], pruner_options={}, **search)
    assert audit_of(view) == NotAudited(reason=reason, nothing_to_lose=nothing_to_lose)


def test_where_nothing_is_searched_pruning_loses_nothing() -> None:
    view = dataclasses.replace(view_of([run(0, 20.0)]), space=Space(hyper_parameters=()))
    shown = "pruning    loses nothing: nothing is searched, so trials are not compared"
    assert audit_line(view) == shown


def test_settings_of_another_version_are_not_audited() -> None:
    made = view_of([*FIRST, run(5, 20.0)])
    table = {**made.config, "search": {**made.config["search"], "pruner": "later"}}
    found = audit_of(dataclasses.replace(made, config=table))
    assert found == NotAudited(reason="another version of this program set the pruner")


def audit_line(view: StudyView, *, quick: bool = False) -> str:
    assessment = assess(view, quick=quick)
    assert assessment is not None
    return next(line for line in assessment_lines(assessment) if line.startswith("pruning"))


def test_the_audit_in_words() -> None:
    trials = [*FIRST, run(5, 20.0), run(10, 20.0)]
    assert audit_line(view_of(trials)) == (
        "pruning    0 of 2 full runs would have been a loss (≤ 78 % at 95 %): competitive would"
        " have stopped 0, none of them in the best fifth"
    )
    assert audit_line(view_of([*FIRST, run(5, 40.0, LATE)])) == (
        "pruning    1 of 1 full runs would have been a loss (≤ 100 % at 95 %): competitive would"
        " have stopped 1, 5 of them in the best fifth; the best value would be 20.00 lower"
    )
    assert audit_line(view_of(trials), quick=True) == f"pruning    not audited: {LATER}"


def test_compute_is_shown_by_reason() -> None:
    behind = collapsed(2, kind="behind", figures={"iteration": 60.0})
    failed = full_run(3, 0.0, state="failed", value=None, figures={"iteration": 90.0})
    crashed = full_run(4, 0.0, state="failed", value=None, figures={})
    running = full_run(5, 0.0, state="running", value=None, figures={})
    view = details_of([full_run(0, 20.0), collapsed(1), behind, failed, crashed, running]).view
    assert list(compute_lines(view)) == [
        "280 of 500 planned iterations trained (56 %); not trained: 22 % failed, 14 % collapsed,"
        " 8 % underperforming"
    ]
    assert list(compute_lines(details_of([full_run(0, 20.0)]).view)) == [
        "100 of 100 planned iterations trained (100 %)"
    ]
    assert list(compute_lines(details_of([running]).view)) == []


def test_the_choice_of_auto_is_one_line_and_audited() -> None:
    """Immune are 0 to 19 and every tenth; the scores are the value, so the first one tells it."""
    runs = [run(number, float(number)) for number in range(20)]
    options: Mapping[str, Any] = {"pruner": "auto", "pruner_options": {"window": 1}}
    *_, line = compute_lines(view_of(runs, **options))
    assert line == (
        "pruner auto keeps the best 50 % after a warm-up of 10 %: rank correlation with the end"
        " there 1.00 (at least 1.00), from 20 immune full runs"
    )
    *_, line = compute_lines(view_of(runs[:11], **options))
    assert line == "pruner auto stops no trial yet: 11 of 12 immune full runs"
    found = audited(runs, **options)
    assert (found.pruner, found.runs, found.unjudged) == ("auto", 8, 12)
    assert (found.stopped, found.lost) == ((), ())
