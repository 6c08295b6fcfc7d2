"""Ray's own processes are killed under a running search, which restarts them and continues."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
import ray

from tests.acceptance.conftest import SearchCommand
from tests.acceptance.test_search import descendants, view_of

Register = Callable[["Popen[str]"], "Popen[str]"]

# three starts of Ray each
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.long]


RAY = Path(ray.__file__).parent / "core" / "src" / "ray"
TRIALS = 40


@pytest.mark.parametrize("victim", ["gcs/gcs_server", "raylet/raylet"])
def test_a_killed_head_is_started_again(
    victim: str, search_command: SearchCommand, ended: Register
) -> None:
    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    options = ["--trials", str(TRIALS), "--workers", "2", "--study", "headless"]
    driver = ended(search_command.start(*launch, *options))
    wait_for(search_command, driver, "trial 1 complete", times=1)
    for returns in (1, 2):
        (process,) = descendants(driver.pid, str(RAY / victim))
        os.kill(process, signal.SIGKILL)
        wait_for(search_command, driver, "Ray is back", times=returns)
    assert driver.wait(timeout=900) == 0, search_command.log()
    assert "does not answer" in search_command.log()
    view = view_of(search_command, "headless")
    assert [trial.number for trial in view.trials] == list(range(TRIALS))
    assert view.counts.finished == TRIALS and view.counts.failed == 0
    again = [why for trial in view.trials for why in trial.attempts[1:]]
    assert 1 <= len(again) <= 4 and set(again) == {"lost"}  # the second strikes idle workers


def wait_for(command: SearchCommand, driver: "Popen[str]", sign: str, *, times: int) -> None:
    deadline = time.monotonic() + 600
    while command.log().count(sign) < times:
        assert driver.poll() is None and time.monotonic() < deadline, command.log()
        time.sleep(0.1)
