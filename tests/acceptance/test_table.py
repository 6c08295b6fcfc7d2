"""A comparison table by the real command: killed in the middle of a row, and run again."""

import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import SearchCommand

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TABLE = """
base = "rooms"
trials = 3
seeds = 2

[settings]
data.options = { train = 4, val = 2, test = 2, size = 64 }
features = { train_resolution = 32, eval_resolution = 64 }
training = { iterations = 12, batch_size = 4, samples = 3, random_draws = 2 }
evaluation.evaluations = 4
search.pruner = "none"

[[row]]
label = "K-means"
name = "kmeans"
settings.method.name = "kmeans"

[[row]]
label = "STEGO"
settings.method.name = "stego"
"""

Register = Callable[[subprocess.Popen[str]], subprocess.Popen[str]]


def results(command: SearchCommand, name: str) -> list[str]:
    """The lines of results in the table as Markdown."""
    text = (command.folder / "out" / f"{name}.md").read_text()
    return [line for line in text.split("## ")[1].splitlines() if " ± " in line]


def test_a_killed_table_continues_and_ends_as_an_undisturbed_one(
    search_command: SearchCommand, ended: Register
) -> None:
    def arguments(name: str) -> list[str]:
        file = search_command.folder / f"{name}.toml"
        file.write_text(TABLE)
        out = ["--out", str(search_command.folder / "out"), "--workers", "1"]
        return ["table", str(file), *search_command.places(), *out]

    killed = ended(search_command.start(*arguments("killed")))
    log = search_command.wait_for("study killed-stego created")
    assert "row 1 of 2 is done" in log
    search_command.wait_for(" of 3 trials")
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    shown = search_command.run(*arguments("killed"))
    assert "row 1 of 2: K-means on rgb, depth, patch-stats, rooms: finished before" in shown
    assert "row 2 of 2 is done" in shown
    search_command.run(*arguments("undisturbed"))
    assert len(results(search_command, "killed")) == 2
    assert results(search_command, "killed") == results(search_command, "undisturbed")
