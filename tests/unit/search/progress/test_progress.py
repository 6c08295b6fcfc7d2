import dataclasses
import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from search.progress.live_view import EVENTS_SHOWN, WORKERS_SHOWN, LiveProgress, draw
from search.progress.progress import (
    STATUS_INTERVAL,
    PlainProgress,
    Snapshot,
    WorkerLine,
    open_progress,
)
from search.records.counts import Counts
from trainer.console.durations import about_text, duration_text

SNAPSHOT = Snapshot(
    study="rooms-3",
    storage="postgresql://umss:***@db/umss",
    target=200,
    counts=Counts(complete=21, collapsed=4, behind=12, failed=1, running=2),
    best=(13, 34.2112),
    workers=(
        WorkerLine(
            name="worker-0", trial=38, iteration=210, iterations=300, evaluation=14, score=28.4
        ),
        WorkerLine(name="worker-1", trial=39, iterations=300),
        WorkerLine(name="worker-2"),
    ),
    elapsed=724.0,
    left=2460.0,
)
EMPTY = dataclasses.replace(
    SNAPSHOT, counts=Counts(), best=None, workers=(), elapsed=0.4, left=None
)
ONE_MORE = dataclasses.replace(SNAPSHOT, counts=dataclasses.replace(SNAPSHOT.counts, complete=22))
AWAY = dataclasses.replace(SNAPSHOT, state="database unreachable for 12 s, waiting")


def recorder(
    *, terminal: bool = False, width: int = 100, encoding: str = "utf-8"
) -> tuple[Console, Callable[[], str]]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(
        file=stream, force_terminal=terminal, width=width, height=40, color_system=None
    )
    return console, lambda: raw.getvalue().decode(encoding)


def drawn(snapshot: Snapshot, events: tuple[str, ...] = (), **console_options: Any) -> str:
    console, text = recorder(**console_options)
    console.print(draw(snapshot, events))
    return text()


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


Log = tuple[PlainProgress, Callable[[], list[str]]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> Log:
    """A plain progress display, and the lines that it has written."""
    console, text = recorder()
    return PlainProgress(console, clock), lambda: text().splitlines()


STATUS = (
    "37 of 200 trials: 21 complete, 4 collapsed, 12 underperforming, 1 failed, 2 running;"
    " best 34.21 (trial 13); 12 min 04 s, about 41 min left; worker-0: trial 38 at 210 of 300;"
    " worker-1: trial 39 at 0 of 300; worker-2: idle"
)


# The view on a terminal


@pytest.mark.parametrize(
    "said",
    [
        "rooms-3 in postgresql://umss:***@db/umss",
        "12 min 04 s, about 41 min left",
        "37 of 200 trials",
        "21 complete   4 collapsed   12 underperforming   1 failed   2 running",
        "best 34.21 (trial 13)",
        "210 of 300",
        "28.40",
        "idle",
    ],
)
def test_the_picture_shows_the_state_of_the_search(said: str) -> None:
    assert said in drawn(SNAPSHOT)


def test_a_picture_of_nothing_yet() -> None:
    text = drawn(EMPTY)
    assert "no complete trial yet" in text
    assert "left" not in text


def test_an_unusual_state_is_shown_only_while_there_is_one() -> None:
    assert "database unreachable for 12 s, waiting" in drawn(AWAY)
    assert "database" not in drawn(SNAPSHOT)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = drawn(AWAY, ("trial 36 pruned, collapsed: " + "a long reason " * 9,), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_the_objective_is_named_if_known() -> None:
    named = dataclasses.replace(SNAPSHOT, objective="mIoU (%)")
    assert "score: mIoU (%)" in drawn(named)
    assert "score:" not in drawn(SNAPSHOT)


def test_the_bar_grows() -> None:
    def filled(complete: int) -> int:
        counts = Counts(complete=complete)
        snapshot = dataclasses.replace(SNAPSHOT, counts=counts, workers=())
        return drawn(snapshot).count("━")

    assert 0 == filled(0) < filled(50) < filled(100) < filled(200) == filled(300)


def test_many_workers_are_cut_short() -> None:
    workers = tuple(WorkerLine(name=f"worker-{index}") for index in range(64))
    text = drawn(dataclasses.replace(SNAPSHOT, workers=workers))
    assert text.count("idle") == WORKERS_SHOWN
    assert f"and {64 - WORKERS_SHOWN} more" in text


def test_text_of_others_is_not_markup() -> None:
    event = "trial 3 failed: [bold]unknown name in [/hyper] :smile:"
    assert event in drawn(SNAPSHOT, (event,))


def test_a_terminal_without_unicode_works() -> None:
    assert "37 of 200 trials" in drawn(AWAY, ("trial 1 complete: 30.00",), encoding="ascii")


def test_live_progress_leaves_its_last_picture_with_the_last_events() -> None:
    console, text = recorder(terminal=True)
    with LiveProgress(console) as progress:
        progress.update(EMPTY)
        for number in range(EVENTS_SHOWN + 1):
            progress.event(f"trial {number} complete: 30.00")
        progress.update(SNAPSHOT)
    last = text()
    assert "37 of 200 trials" in last
    assert "trial 0 complete" not in last
    assert "trial 1 complete" in last and f"trial {EVENTS_SHOWN} complete" in last


def test_live_progress_gives_the_terminal_back_after_an_error() -> None:
    console, text = recorder(terminal=True)
    with pytest.raises(RuntimeError, match="broken"), LiveProgress(console) as progress:
        progress.update(SNAPSHOT)
        raise RuntimeError("broken")
    assert text().endswith("\x1b[?25h")  # the cursor is visible again
    console.print("after")
    assert text().endswith("after\n")


# Plain lines


def test_events_are_written_as_they_come_on_one_line_each(log: Log) -> None:
    progress, lines = log
    progress.event("trial 1 complete: 30.00")
    assert lines() == ["trial 1 complete: 30.00"]
    progress.event("trial 2 failed: [bold] " + "long " * 60)
    assert lines()[1] == "trial 2 failed: [bold] " + "long " * 60


def test_status_lines_are_written_at_first_and_then_at_most_every_30_seconds(
    log: Log, clock: Clock
) -> None:
    progress, lines = log
    for second in range(61):
        clock.seconds = float(second)
        progress.update(SNAPSHOT)
    assert lines() == [STATUS] * 3
    assert STATUS_INTERVAL == 30


def test_a_log_names_the_objective_once_before_the_first_status(log: Log, clock: Clock) -> None:
    progress, lines = log
    for clock.seconds in (0.0, 30.0):
        progress.update(dataclasses.replace(SNAPSHOT, objective="mIoU (%)"))
    assert lines() == ["score: mIoU (%)", STATUS, STATUS]


def test_an_unusual_state_is_shown_when_it_begins_and_ends_but_not_in_between(
    log: Log, clock: Clock
) -> None:
    progress, lines = log
    progress.update(SNAPSHOT)
    for second in range(12, 15):
        clock.seconds += 1
        state = f"database unreachable for {second} s, waiting"
        progress.update(dataclasses.replace(SNAPSHOT, state=state))
    clock.seconds += 1
    progress.update(SNAPSHOT)
    assert lines() == [STATUS, f"{STATUS}; database unreachable for 12 s, waiting", STATUS]


def test_the_last_status_is_written_at_the_end_but_not_twice(log: Log) -> None:
    progress, lines = log
    with progress:
        progress.update(SNAPSHOT)
        progress.update(ONE_MORE)
    assert lines()[0] == STATUS and lines()[1].startswith("38 of 200 trials: ")
    with progress:
        progress.update(ONE_MORE)
    assert len(lines()) == 2


def test_the_first_line_waits_for_a_worker_that_has_a_trial(log: Log, clock: Clock) -> None:
    progress, lines = log
    idle = dataclasses.replace(EMPTY, workers=(WorkerLine(name="worker-0"),))
    progress.update(idle)
    assert lines() == []
    progress.update(SNAPSHOT)
    assert lines() == [STATUS]


def test_the_first_line_does_not_wait_for_ever(log: Log, clock: Clock) -> None:
    progress, lines = log
    idle = dataclasses.replace(EMPTY, workers=(WorkerLine(name="worker-0"),))
    progress.update(idle)
    clock.seconds = STATUS_INTERVAL
    progress.update(idle)
    assert len(lines()) == 1 and lines()[0].endswith("worker-0: idle")


def test_a_line_of_many_workers_is_cut_short(log: Log) -> None:
    progress, lines = log
    workers = tuple(WorkerLine(name=f"worker-{index}", trial=index) for index in range(64))
    progress.update(dataclasses.replace(SNAPSHOT, workers=workers))
    assert lines()[0].count("worker-") == WORKERS_SHOWN
    assert lines()[0].endswith(f"; {64 - WORKERS_SHOWN} more workers")


def test_without_an_update_nothing_is_written(log: Log) -> None:
    progress, lines = log
    with progress:
        pass
    assert lines() == []


@pytest.mark.parametrize(
    ("terminal", "plain", "kind"),
    [
        (True, None, LiveProgress),
        (False, None, PlainProgress),
        (True, True, PlainProgress),
        (False, False, LiveProgress),
    ],
)
def test_the_view_fits_the_console_by_default(
    terminal: bool, plain: bool | None, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, _ = recorder(terminal=terminal)
    assert type(open_progress(console, plain=plain)) is kind


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    console, _ = recorder(terminal=True)
    assert type(open_progress(console)) is PlainProgress


@pytest.mark.parametrize(
    ("seconds", "exact", "about"),
    [
        (-1.0, "0 s", "0 s"),
        (0.4, "0 s", "0 s"),
        (59.4, "59 s", "1 min"),
        (59.6, "1 min 00 s", "1 min"),
        (724.0, "12 min 04 s", "12 min"),
        (3599.6, "1 h 00 min", "1 h 00 min"),
        (11220.0, "3 h 07 min", "3 h 07 min"),
        (187200.0, "2 d 04 h", "2 d 04 h"),
    ],
)
def test_durations(seconds: float, exact: str, about: str) -> None:
    assert duration_text(seconds) == exact
    assert about_text(seconds) == about


def seats(workers: int, slots: int) -> tuple[WorkerLine, ...]:
    """Seats of which the last of each worker is idle."""
    return tuple(
        WorkerLine(
            name=f"worker-{worker}/{slot}",
            trial=None if slot == slots - 1 else 10 * worker + slot,
            iteration=100 * slot,
            iterations=300,
            score=20.0 + slot,
        )
        for worker in range(workers)
        for slot in range(slots)
    )


def test_a_few_seats_have_a_line_each(log: Log) -> None:
    progress, lines = log
    progress.update(dataclasses.replace(SNAPSHOT, workers=seats(1, 3)))
    assert "worker-0/1: trial 1 at 100 of 300; worker-0/2: idle" in lines()[0]


def test_many_seats_share_the_line_of_their_worker(log: Log) -> None:
    progress, lines = log
    many = dataclasses.replace(SNAPSHOT, workers=seats(5, 4))
    progress.update(many)
    assert "worker-3: 3 of 4 slots busy; worker-4: 3 of 4 slots busy" in lines()[0]
    row = next(line for line in drawn(many).splitlines() if "worker-4" in line)
    assert "3 of 4 slots" in row and "100 of 300" in row and "22.00" in row
