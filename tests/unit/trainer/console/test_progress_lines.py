"""Without a terminal, work of minutes says how far it is every half a minute."""

import io
import threading

from rich.console import Console

from trainer.console.progress import LINE_SECONDS, Lines, open_teller


class Clock:
    """Seconds that a test sets."""

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
        lines.tell("train", done, 400)
        clock.seconds += 1
    assert LINE_SECONDS == 30
    assert said == [
        "train: 30 of 400, about 6 min left",
        "train: 60 of 400, about 6 min left",
        "train: 90 of 400, about 5 min left",
        "train: 120 of 400, about 5 min left",
    ]


def test_a_step_that_says_nothing_itself_is_told_of() -> None:
    lines, clock, said = reporter()
    lines.tell("neighbours", 0, 1)
    for _ in range(65):
        clock.seconds += 1
        lines.look()
    assert said == ["neighbours: 0 of 1"] * 2


def test_steps_that_are_short_are_told_once_each() -> None:
    lines, clock, said = reporter()
    for what in ("features of train", "features of val"):
        for done in range(9):
            lines.tell(what, done, 8)
            clock.seconds += 1
    clock.seconds += 100
    lines.look()
    assert said == ["features of train: 8", "features of val: 8"]


def test_what_a_checkpoint_had_done_already_makes_nothing_faster() -> None:
    lines, clock, said = reporter()
    lines.tell("train", 900, 1000)
    clock.seconds += 40
    lines.tell("train", 910, 1000)
    assert said == ["train: 910 of 1000, about 6 min left"]


def test_a_file_gets_lines_and_no_thread_is_left() -> None:
    stream = io.StringIO()
    before = threading.active_count()
    with open_teller(Console(file=stream)) as tell:
        tell("[bold]score[/bold]", 5, 5)
    assert stream.getvalue() == "[bold]score[/bold]: 5\n"
    assert threading.active_count() == before


def test_a_terminal_gets_bars() -> None:
    stream = io.StringIO()
    with open_teller(Console(file=stream, force_terminal=True, width=80)) as tell:
        tell("score", 2, 5)
    assert "2/5" in stream.getvalue()
