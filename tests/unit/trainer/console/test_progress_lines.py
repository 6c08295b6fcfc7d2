"""Without a terminal, long work prints its progress every half a minute."""

import io
import threading

from rich.console import Console

from trainer.console.progress import LINE_SECONDS, Lines, progress_on


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def reporter() -> tuple[Lines, Clock, list[str]]:
    said: list[str] = []
    clock = Clock()
    return Lines(said.append, clock), clock, said


def test_a_line_with_count_and_time_left_every_half_a_minute() -> None:
    lines, clock, said = reporter()
    for done in range(121):
        lines.update("train", done, 400)
        clock.seconds += 1
    assert LINE_SECONDS == 30
    assert said == [
        "train: 30 of 400, about 6 min left",
        "train: 60 of 400, about 6 min left",
        "train: 90 of 400, about 5 min left",
        "train: 120 of 400, about 5 min left",
    ]


def test_a_silent_step_still_gets_lines() -> None:
    lines, clock, said = reporter()
    lines.update("neighbours", 0, 1)
    for _ in range(65):
        clock.seconds += 1
        lines.write_if_due()
    assert said == ["neighbours: 0 of 1"] * 2


def test_each_short_step_gets_one_line() -> None:
    lines, clock, said = reporter()
    for what in ("features of train", "features of val"):
        for done in range(9):
            lines.update(what, done, 8)
            clock.seconds += 1
    clock.seconds += 100
    lines.write_if_due()
    assert said == ["features of train: 8 of 8", "features of val: 8 of 8"]


def test_work_done_before_a_resumption_does_not_shorten_the_estimate() -> None:
    lines, clock, said = reporter()
    lines.update("train", 900, 1000)
    clock.seconds += 40
    lines.update("train", 910, 1000)
    assert said == ["train: 910 of 1000, about 6 min left"]


def test_a_file_gets_lines_and_no_thread_is_left() -> None:
    stream = io.StringIO()
    before = threading.active_count()
    with progress_on(Console(file=stream)) as tell:
        tell("[bold]score[/bold]", 5, 5)
    assert stream.getvalue() == "[bold]score[/bold]: 5 of 5\n"
    assert threading.active_count() == before


def test_a_terminal_gets_bars() -> None:
    stream = io.StringIO()
    with progress_on(Console(file=stream, force_terminal=True, width=80)) as tell:
        tell("score", 2, 5)
    assert "2/5" in stream.getvalue()
