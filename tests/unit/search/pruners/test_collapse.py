import dataclasses
import math
from typing import Any

import pytest

from search.errors import SettingsError
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import CollapseRules
from search.records.outcome import Keep, Prune, Verdict
from tests.unit.search.builders import make_report
from trainer.records import Report

E = 20
RULES = CollapseRules(
    entropy_floor=0.2, share_ceiling=0.9, cosine_ceiling=0.95, in_a_row=2, least_iterations=20
)
Signs = dict[str, Any]
SHARE: Signs = {"share": 0.962}
ENTROPY: Signs = {"entropy": 0.123}
COSINE: Signs = {"cosine": 0.972}


def verdict(*reports: Report, rules: CollapseRules = RULES, evaluations: int = E) -> Verdict:
    return rules.verdict(reports, evaluations, MIOU_ACCURACY)


def test_a_healthy_run_continues() -> None:
    assert verdict() == Keep()
    assert verdict(*[make_report(index) for index in range(1, E + 1)]) == Keep()


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (SHARE, "largest cluster holds 96.2 % of the pixels (over 90 %) at evaluations 3 and 4"),
        (
            ENTROPY,
            "entropy of cluster use is 12.3 % of its maximum (under 20 %) at evaluations 3 and 4",
        ),
        (COSINE, "mean cosine of codes is 0.972 (over 0.95) at evaluations 3 and 4"),
    ],
)
def test_a_sign_at_two_evaluations_in_a_row_ends_the_run(sign: Signs, reason: str) -> None:
    healthy = [make_report(1), make_report(2)]
    found = verdict(*healthy, make_report(3, **sign), make_report(4, **sign))
    assert found == Prune(kind="collapsed", reason=reason)


@pytest.mark.parametrize("sign", [SHARE, ENTROPY, COSINE])
def test_a_sign_at_one_evaluation_does_not(sign: Signs) -> None:
    assert verdict(make_report(3), make_report(4, **sign)) == Keep()
    assert verdict(make_report(3, **sign), make_report(4)) == Keep()
    recovered = [make_report(3, **sign), make_report(4), make_report(5, **sign)]
    assert verdict(*recovered) == Keep()


def test_two_different_signs_are_not_two_in_a_row() -> None:
    assert verdict(make_report(3, **SHARE), make_report(4, **COSINE)) == Keep()


@pytest.mark.parametrize(
    "edge", [{"share": 0.9}, {"entropy": 0.2}, {"cosine": 0.95}], ids=lambda edge: next(iter(edge))
)
def test_a_signal_on_its_threshold_is_healthy(edge: Signs) -> None:
    assert verdict(make_report(3, **edge), make_report(4, **edge)) == Keep()


@pytest.mark.parametrize(("evaluations", "first"), [(20, 3), (10, 2), (40, 5), (5, 2)])
def test_the_earliest_end_is_two_evaluations_from_the_warm_up_on(
    evaluations: int, first: int
) -> None:
    reports = [make_report(index, **SHARE) for index in range(1, evaluations + 1)]
    ended = [
        count
        for count in range(1, evaluations + 1)
        if isinstance(verdict(*reports[:count], evaluations=evaluations), Prune)
    ]
    assert ended == list(range(first, evaluations + 1))
    assert first >= 0.1 * evaluations


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"finite": False}, "a loss or a code"),
        ({"loss": math.nan}, "the training loss"),
        ({"loss": math.inf}, "the training loss"),
        ({"miou": math.nan}, "the score"),
        ({"cosine": math.nan}, "a collapse indicator"),
        ({"entropy": math.nan}, "a collapse indicator"),
        ({"share": math.nan}, "a collapse indicator"),
    ],
)
def test_a_non_finite_number_ends_the_run_at_once_without_warm_up(
    broken: dict[str, Any], what: str
) -> None:
    reason = f"{what} is not a finite number at evaluation 1"
    assert verdict(make_report(1, **broken)) == Prune(kind="collapsed", reason=reason)


def test_the_verdict_is_a_function_of_the_reports_alone() -> None:
    reports = [make_report(3, **SHARE), make_report(4, **SHARE)]
    assert RULES.verdict(reports, E, MIOU_ACCURACY) == dataclasses.replace(RULES).verdict(
        tuple(reports), E, MIOU_ACCURACY
    )


def test_a_longer_row_names_all_its_evaluations() -> None:
    rules = dataclasses.replace(RULES, in_a_row=3)
    reports = [make_report(index, **SHARE) for index in (4, 5, 6)]
    assert verdict(*reports[:2], rules=rules) == Keep()
    found = verdict(*reports, rules=rules)
    assert isinstance(found, Prune) and found.reason.endswith("at evaluations 4, 5 and 6")


@pytest.mark.parametrize(
    "wrong",
    [
        {"entropy_floor": -0.1},
        {"share_ceiling": 1.5},
        {"cosine_ceiling": -2.0},
        {"warm_up": math.nan},
        {"in_a_row": 0},
    ],
)
def test_thresholds_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} = .*: give"):
        CollapseRules(**wrong)


def test_a_short_run_is_given_some_iterations_first() -> None:
    short = [
        dataclasses.replace(make_report(number, **SHARE), iteration=4 * number)
        for number in range(1, 11)
    ]
    ended = [count for count in range(1, 11) if isinstance(verdict(*short[:count]), Prune)]
    assert ended == list(range(6, 11))  # the first two in a row from iteration 20 on
