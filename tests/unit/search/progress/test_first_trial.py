import dataclasses
import io

from rich.console import Console

from search.progress.first_trial import FirstTrialTimed
from search.progress.progress import PlainProgress
from search.records.counts import Counts
from tests.unit.search.progress.test_progress import EMPTY, SNAPSHOT, Clock

LINE = "the first finished trial took 3 min 20 s, 1 min 20 s of which before the search began"


def shown(*snapshots: tuple[float, Counts]) -> list[str]:
    """The lines about first trials, of snapshots at these seconds since the search began."""
    clock, stream = Clock(), io.StringIO()
    plain = PlainProgress(Console(file=stream, width=200), clock)
    progress = FirstTrialTimed(plain, began=100.0, clock=clock)
    with progress:
        for elapsed, counts in snapshots:
            clock.seconds = 100.0 + 80.0 + elapsed  # features and workers took 80 s
            progress.update(dataclasses.replace(EMPTY, elapsed=elapsed, counts=counts))
    return [line for line in stream.getvalue().splitlines() if "first finished" in line]


def test_the_time_counts_from_the_command_and_is_printed_once() -> None:
    running = Counts(running=2)
    pruned, more = Counts(collapsed=1, running=2), Counts(collapsed=1, complete=1)
    assert shown((0.0, running), (60.0, running), (120.0, pruned), (180.0, more)) == [LINE]


def test_a_study_with_finished_trials_gets_no_line() -> None:
    assert shown((0.0, SNAPSHOT.counts), (9.0, Counts(complete=30))) == []


def test_without_a_finished_trial_there_is_no_line() -> None:
    assert shown((0.0, Counts(running=1)), (9.0, Counts(running=1))) == []
