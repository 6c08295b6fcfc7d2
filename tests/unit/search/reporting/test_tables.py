import dataclasses
import io

from rich.console import Console, RenderableType

from search.records.counts import Counts
from search.reporting.digest import BestTrial, PrunedTrial, tally_reasons
from search.reporting.tables import (
    NextCommand,
    Summary,
    best_table,
    summary_text,
)

BEST = BestTrial(
    number=137,
    value=35.214,
    protocol="median of the last 5 evaluations on the val split",
    parameters={"lambda_self": 0.71234, "lambda_cmcs.depth": 12.123456},
    defaults={"lambda_self": 0.7939, "lambda_cmcs.depth": 1.0},
    scores={"test mIoU": 32.8, "test accuracy": 61.2},
)


def behind(number: int, own: float, bar: float, runs: int) -> PrunedTrial:
    reason = (
        f"mean of the last 3 scores is {own} (under {bar}, the threshold of the best 75 % of"
        f" {runs} full runs) at evaluation 10"
    )
    return PrunedTrial(number=number, kind="behind", reason=reason)


def collapsed(number: int, share: float, when: str) -> PrunedTrial:
    reason = f"largest cluster holds {share} % of the pixels (over 90 %) at evaluations {when}"
    return PrunedTrial(number=number, kind="collapsed", reason=reason)


PRUNED = (
    behind(21, 19.0, 20.25, 15),
    collapsed(3, 96.2, "3 and 4"),
    behind(33, 8.51, 22, 24),
    collapsed(9, 100, "12 and 13"),
    PrunedTrial(
        number=5, kind="collapsed", reason="the score is not a finite number at evaluation 1"
    ),
    behind(27, -3.5, 21, 19),
)
SUMMARY = Summary(
    study="rooms-3",
    target=200,
    counts=Counts(complete=194, collapsed=3, behind=3),
    best=BEST,
    pruned=PRUNED,
    seconds=372.4,
    next_commands=(
        NextCommand(
            command="python -m search best rooms-3 --format toml > best.toml",
            purpose="write its configuration",
        ),
    ),
)


def printed(renderable: RenderableType, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None)
    console.print(renderable, crop=False)  # as the verbs print it
    return stream.getvalue()


def test_reasons_that_differ_in_figures_alone_are_counted_together() -> None:
    rows = [(row.kind, row.count, row.example.number) for row in tally_reasons(PRUNED)]
    assert rows == [("collapsed", 2, 9), ("collapsed", 1, 5), ("behind", 3, 33)]


def test_no_pruned_trial_no_row() -> None:
    assert tally_reasons(()) == ()


def test_the_best_table_shows_each_parameter_beside_its_default() -> None:
    lines = printed(best_table(BEST)).splitlines()
    assert lines[0].strip() == (
        "best trial 137: 35.21  median of the last 5 evaluations on the val split"
    )
    assert lines[1].strip() == "test mIoU 32.80, test accuracy 61.20"
    assert [line.split() for line in lines[2:]] == [
        ["hyper-parameter", "value", "default"],
        ["lambda_self", "0.7123", "0.7939"],
        ["lambda_cmcs.depth", "12.1235", "1.0000"],
    ]


def test_the_best_table_names_the_objective() -> None:
    text = printed(best_table(dataclasses.replace(BEST, objective="mIoU (%)")))
    title = "best trial 137: 35.21  mIoU (%); median of the last 5 evaluations on the val split"
    assert text.splitlines()[0].strip() == title


def test_unknown_values_are_left_out_of_the_best_table() -> None:
    text = printed(best_table(dataclasses.replace(BEST, defaults={}, scores={})))
    assert "default" not in text and "test" not in text


def test_the_summary_shows_counts_best_trial_reasons_and_next_command() -> None:
    text = printed(summary_text(SUMMARY))
    said = [
        "rooms-3: 200 of 200 trials in 6 min 12 s: 194 complete, 6 pruned (3 collapsed,"
        " 3 underperforming)",
        "best trial 137: 35.21",
        "trial 9: largest cluster holds 100 % of the pixels (over 90 %)",
        "underperforming        3   trial 33: mean of the last 3 scores is 8.51",
        "write its configuration:",
        "python -m search best rooms-3 --format toml > best.toml",
    ]
    places = [text.find(part) for part in said]
    assert -1 not in places
    assert places == sorted(places)


def test_failures_are_shown_only_if_there_are_any() -> None:
    assert "failed" not in printed(summary_text(SUMMARY))
    counts = dataclasses.replace(SUMMARY.counts, failed=2)
    failed = dataclasses.replace(SUMMARY, counts=counts)
    assert ", 2 failed" in printed(summary_text(failed), width=120)


def test_a_search_that_has_nothing_yet_still_has_a_summary() -> None:
    empty = dataclasses.replace(SUMMARY, counts=Counts(), best=None, pruned=(), next_commands=())
    text = printed(summary_text(empty)).strip()
    assert text == "rooms-3: 0 of 200 trials in 6 min 12 s: 0 complete, 0 pruned" + (
        " (0 collapsed, 0 underperforming)"
    )


def test_names_and_reasons_are_escaped_and_complete_in_a_narrow_terminal() -> None:
    odd = dataclasses.replace(
        SUMMARY,
        study="[bold]odd[/]",
        pruned=(PrunedTrial(number=1, kind="behind", reason="[red]why[/x]"),),
    )
    text = printed(summary_text(odd), width=40)
    assert "[bold]odd[/]" in text and "[red]why[/x]" in text
    assert SUMMARY.next_commands[0].command in text  # in one piece, to be copied
