"""Two drivers of one study: the second is refused; a frozen first one loses the study."""

import datetime
import os
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import open_database
from storage.lease_record import lease_history
from tests.fakes.fork_server import fork_server
from tests.fakes.search_process import STUDY, Kill, run_search
from tests.fakes.stored_trials import stored_trials

TRIALS = 24
FREEZE: dict[str, Any] = {"signal": signal.SIGSTOP}
#: Seconds without renewal after which a lease is free; UMSS_TIME_TO_LIVE=30 is the real one.
TIME_TO_LIVE = float(os.environ.get("UMSS_TIME_TO_LIVE", "3"))
#: Longest time from the freeze to the takeover, beyond that: the frozen driver's silent
#: transaction is ended by the server after 10 s.
GRACE = 15.0  # seconds
WAIT = TIME_TO_LIVE + GRACE


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return fork_server()


def start(processes: ForkServerContext, *arguments: Any, **options: Any) -> Any:
    process = processes.Process(target=run_search, args=arguments, kwargs=options)
    process.start()
    return process


def wait_until_stopped(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return
        time.sleep(0.05)
    raise AssertionError("the driver did not freeze")


@pytest.mark.parametrize("when", ["before", "commit"], ids=["idle", "between-fence-and-commit"])
def test_a_frozen_driver_is_taken_over_from_and_cannot_write(
    when: str, processes: ForkServerContext, database_address: str, tmp_path: Path
) -> None:
    kill = Kill(what="end", nth=8, when=when, **FREEZE)
    frozen = start(
        processes, database_address, tmp_path, kill=kill, time_to_live=TIME_TO_LIVE, wait=WAIT
    )
    wait_until_stopped(frozen.pid)
    frozen_at = datetime.datetime.now(datetime.UTC)
    successor = start(processes, database_address, tmp_path, time_to_live=TIME_TO_LIVE, wait=WAIT)
    successor.join(timeout=90)
    assert successor.exitcode == 0
    with open_database(parse_address(database_address)) as database:
        before, trials = read_study(database, STUDY), stored_trials(database, STUDY)
        with database.engine.connect() as connection:
            history = lease_history(connection, STUDY)
    assert before.counts.finished == TRIALS and before.state == "finished"
    assert [past.epoch for past in history] == [1, 2]
    takeover = (history[1].acquired_at - frozen_at).total_seconds()
    assert takeover < WAIT
    print(f"taken over {takeover:.1f} s after the freeze")
    os.kill(frozen.pid, signal.SIGCONT)
    frozen.join(timeout=60)
    assert frozen.exitcode == 1  # it raised LeaseLost, and wrote nothing:
    with open_database(parse_address(database_address)) as database:
        after = stored_trials(database, STUDY)
    assert [vars(trial) for trial in after] == [vars(trial) for trial in trials]


def test_a_second_driver_is_refused_while_the_first_is_frozen(
    processes: ForkServerContext, database_address: str, tmp_path: Path
) -> None:
    kill = Kill(what="end", nth=3, **FREEZE)
    first = start(processes, database_address, tmp_path, kill=kill)
    wait_until_stopped(first.pid)
    second = start(processes, database_address, tmp_path)
    second.join(timeout=60)
    assert second.exitcode == 1  # LeaseHeld; the output of the command is tested with the commands
    os.kill(first.pid, signal.SIGCONT)
    first.join(timeout=90)
    assert first.exitcode == 0
    with open_database(parse_address(database_address)) as database:
        assert read_study(database, STUDY).counts.finished == TRIALS
