"""The real command on Ray with several trials in one process."""

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import open_database
from tests.acceptance.conftest import SearchCommand
from tests.chaos.processes import below

# several starts of Ray each, on a machine of any speed
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

Register = Callable[[subprocess.Popen[str]], subprocess.Popen[str]]
#: Fewer than the start-up trials of the sampler, so that timing has no effect.
OPTIONS = ["--trials", "10", "--seed", "3", "--pruner", "none"]


def results(command: SearchCommand, study: str) -> list[Any]:
    with open_database(parse_address(command.storage[1])) as database:
        view = read_study(database, study)
    return [
        (trial.number, trial.state, trial.value, trial.params, trial.scores)
        for trial in view.trials
    ]


def test_three_slots_of_a_killed_process_end_as_three_workers_do(
    search_command: SearchCommand, ended: Register
) -> None:
    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    shared = [*OPTIONS, "--workers", "1", "--slots", "3", "--study", "shared"]
    driver = ended(search_command.start(*launch, *shared))
    search_command.wait_for("trial 2 complete", seconds=300)
    (worker,) = below(driver.pid, "ray::_Actor")
    os.kill(worker, signal.SIGKILL)
    assert driver.wait(timeout=200) == 0, search_command.log()
    log = search_command.log()
    assert "10 of 10 trials" in log and "worker-0/2: " in log
    assert "worker-0/0 was lost" in log and "restarts with" not in log
    search_command.launch(*OPTIONS, "--workers", "3", "--study", "apart", "--oversubscribe")
    found = results(search_command, "shared")
    assert [number for number, *_ in found] == list(range(10))
    assert found == results(search_command, "apart")
