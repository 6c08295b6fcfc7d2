"""``status --watch``: looks again and again, until no process drives the study."""

import dataclasses

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.commands.status import watched
from search.reporting.study_view import State, StudyView
from tests.unit.search.reporting.studies import details_of


def seen(*states: State | None) -> list[StudyView | None]:
    view = details_of().view
    return [None if state is None else dataclasses.replace(view, state=state) for state in states]


@pytest.mark.parametrize("end", ["finished", "paused"])
def test_it_ends_with_the_search(end: State) -> None:
    waits: list[float] = []
    coming = seen("running", None, "running", end, "running")
    found = list(watched(iter(coming).__next__, 2.5, sleep=waits.append))
    assert found == coming[:4]
    assert waits == [2.5] * 3


def test_an_idle_study_is_shown_once() -> None:
    assert len(list(watched(iter(seen("finished")).__next__, 1.0))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--every", "3"], "needs --watch"),
        (["--watch", "--every", "0"], "give seconds"),
        (["--watch", "--every", "inf"], "give seconds"),
        (["--watch", "--every", "nan"], "give seconds"),
    ],
)
def test_a_wrong_time_is_one_line(arguments: list[str], message: str) -> None:
    found = CliRunner().invoke(app, ["status", *arguments])
    assert found.exit_code == 2 and message in found.output and found.output.count("\n") == 1
