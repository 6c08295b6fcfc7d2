"""A search is extended while it runs, and ends with exactly the new number of trials."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.driver import write_queue as write_queue
from search.driver.driver import Ending
from search.driver.extending import extend
from search.errors import StudyError
from search.records.messages import Begin, Order
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from storage.studies import get_study, mark_finished
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, Kill, claim, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.training import FakeWorker
from tests.integration.search.test_killed_drivers import processes, search_process
from tests.integration.search.test_others_write import check_exact, search

__all__ = ["processes"]  # the fixture

TRIALS, MORE = 6, 9


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "CHECK_SECONDS", 0.02)


def wait_until_read() -> None:
    """Longer than the time between two looks of the driver."""
    time.sleep(0.3)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("at", [0, 3, TRIALS - 1])
def test_it_ends_with_exactly_the_new_number(
    at: int, workers: int, database: Database, tmp_path: Path
) -> None:
    def act(study: optuna.Study) -> None:
        assert extend(database, STUDY, MORE)
        wait_until_read()

    ending, events = search(database, tmp_path, trials=TRIALS, acts={at: act}, workers=workers)
    assert ending is Ending.FINISHED
    assert f"extended to {MORE} trials, as requested" in events
    view = check_exact(database, MORE)
    assert view.target == MORE and view.test is not None
    assert view.test["trial"] == view.best.number if view.best else False


def test_it_is_extended_again(database: Database, tmp_path: Path) -> None:
    def to(trials: int) -> Any:
        def act(study: optuna.Study) -> None:
            extend(database, STUDY, trials)
            wait_until_read()

        return act

    search(database, tmp_path, trials=TRIALS, acts={1: to(7), 4: to(8), 7: to(MORE)})
    check_exact(database, MORE)


def test_after_its_last_trial_the_rest_waits_for_resume(
    database: Database, tmp_path: Path
) -> None:
    """The best trial is being scored when the request comes."""

    def on_order(worker: str, order: Order, hosted: FakeWorker) -> None:
        if isinstance(order, Begin) and order.task.job.kind == "test":
            assert extend(database, STUDY, MORE)

    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY) as lease:
        session = session_of(database, lease, tmp_path)
        ending = session.drive(InlinePool(1, on_order), SilentProgress())
        session.close()
    assert ending is Ending.STOPPED and "extended after its last trial" in str(session.stop_reason)
    view = read_study(database, STUDY)
    assert (view.state, view.counts.finished, view.target) == ("paused", TRIALS, MORE)
    assert search(database, tmp_path, trials=MORE)[0] is Ending.FINISHED
    check_exact(database, MORE)


def test_a_killed_driver_leaves_the_request_to_the_next_one(
    database: Database, database_address: str, tmp_path: Path, processes: Any
) -> None:
    claim(database, TRIALS, 1)
    stop = threading.Event()

    def ask() -> None:
        with open_database(parse_address(database_address)) as own:
            while not stop.is_set() and read_study(own, STUDY).driver is None:
                time.sleep(0.01)
            extend(own, STUDY, MORE)

    asking = threading.Thread(target=ask)
    asking.start()
    kill = Kill(what="end", nth=4)
    code = search_process(processes, database_address, tmp_path, kill=kill, trials=TRIALS)
    stop.set()
    asking.join()
    assert code == -signal.SIGKILL and get_study(database.engine, STUDY).trials == MORE
    assert search_process(processes, database_address, tmp_path, kill=None, trials=TRIALS) == 0
    check_exact(database, MORE)


@pytest.mark.parametrize("trials", [TRIALS, 1, 10**7])
def test_a_target_that_is_not_larger_is_one_line(trials: int, database: Database) -> None:
    claim(database, TRIALS, 1)
    with (
        Lease.acquire(database, STUDY),
        pytest.raises(StudyError, match=f"is not a target .* above {TRIALS}, up to") as caught,
    ):
        extend(database, STUDY, trials)
    assert "\n" not in str(caught.value)


def test_a_study_that_no_process_drives_waits_for_resume(database: Database) -> None:
    claim(database, TRIALS, 1)
    mark_finished(database.engine, STUDY)
    assert not extend(database, STUDY, MORE)
    record = get_study(database.engine, STUDY)
    assert (record.trials, record.finished_at) == (MORE, None)


def test_resume_asks_a_running_search(database: Database, database_address: str) -> None:
    claim(database, TRIALS, 1)
    command = ["resume", STUDY, "--storage", database_address, "--trials"]
    with Lease.acquire(database, STUDY):
        done = CliRunner().invoke(app, [*command, str(MORE)])
        refused = CliRunner().invoke(app, [*command, str(TRIALS)])
    first, last = done.output.splitlines()
    assert done.exit_code == 0 and first.startswith(f"asked study {STUDY} to finish {MORE} trials")
    assert last.startswith("next: python -m search attach")
    assert get_study(database.engine, STUDY).trials == MORE
    assert refused.exit_code == 2 and f"above {MORE}" in refused.output
