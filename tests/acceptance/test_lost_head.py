"""Ray's own processes are killed under a running search: it starts them anew and goes on."""

import os
import signal
from collections.abc import Callable
from subprocess import Popen

import pytest

from search.journal.ledger import attempts_of
from tests.acceptance.conftest import SearchCommand
from tests.acceptance.test_search import descendants, view_of

Register = Callable[["Popen[str]"], "Popen[str]"]

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]  # three starts of Ray each


@pytest.mark.parametrize("victim", ["gcs_server", "raylet"])
def test_a_head_that_is_killed_is_started_anew(
    victim: str, search_command: SearchCommand, ended: Register
) -> None:
    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    driver = ended(search_command.start(*launch, "--trials", "12", "--workers", "2"))
    for _ in range(2):
        starts = search_command.log().count("Ray is back")
        search_command.wait_for("trial 1 complete", seconds=600)
        (process,) = descendants(driver.pid, f"/{victim}")[:1]
        os.kill(process, signal.SIGKILL)
        search_command.wait_for("does not answer", seconds=120)
        deadline = 600
        while search_command.log().count("Ray is back") == starts and deadline:
            search_command.wait_for("Ray is back", seconds=deadline)
        if driver.poll() is not None:
            break
    assert driver.wait(timeout=900) == 0, search_command.log()
    view = view_of(search_command, "rooms-1")
    assert [trial.number for trial in view.trials] == list(range(12))
    assert view.counts.finished == 12 and view.counts.failed == 0
    whys = {why for trial in view.trials for _, _, why in attempts_of(trial)[1:]}
    assert whys == {"lost"}
