"""The trainer from images to test scores as a user runs it, on small synthetic rooms."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.trainer_command import call_trainer

CONFIG = """
seed = 3

[data]
name = "rooms"
modalities = ["rgb", "depth"]
options = {train = 6, val = 3, test = 3}

[features]
train_resolution = 64
eval_resolution = 96
neighbours = 7

[method]
code_dim = 8

[training]
iterations = 20
batch_size = 8
samples = 5
learning_rate = 5e-3

[evaluation]
evaluations = 4
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    (folder / "small.toml").write_text(CONFIG)
    return folder


def trainer(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UMSS_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "trainer", *arguments, "--device", "cpu"],
        cwd=place,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def fitted(place: Path) -> str:
    done = trainer(place, "fit", "small.toml")
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class CommandResult:
    """What a command printed, and its exit status."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def call(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., CommandResult]:
    """Call a command in this process, which has imported everything already."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("UMSS_CACHE", str(place / "cache"))

    def run(*arguments: str) -> CommandResult:
        code = call_trainer(*arguments, "--device", "cpu")
        printed = capsys.readouterr()
        return CommandResult(code, printed.out, printed.err)

    return run


def test_features_prints_the_entry_that_it_built(
    fitted: str, call: Callable[..., CommandResult]
) -> None:
    built = call("features", "small.toml")
    assert built.code == 0, built.stderr
    assert "30 crops, 3 val and 3 test images of rgb, depth" in built.stdout


def test_fit_scores_at_every_evaluation_and_is_reproducible(place: Path, fitted: str) -> None:
    assert re.findall(r"evaluation \d/4  iteration (\d+)", fitted) == ["5", "10", "15", "20"]
    again = trainer(place, "fit", "small.toml", "--out", "again")
    assert again.stdout.split("memory:")[0] == fitted.split("memory:")[0]


def test_coral_is_fitted_and_scored(
    place: Path, fitted: str, call: Callable[..., CommandResult]
) -> None:
    text = CONFIG.replace("code_dim = 8", 'code_dim = 8\nname = "coral"\nfusion = "sum"')
    (place / "coral.toml").write_text(text)
    done = call("fit", "coral.toml")
    assert done.code == 0, done.stderr
    assert re.findall(r"evaluation (\d)/4", done.stdout) == ["1", "2", "3", "4"]
    assert "NOT FINITE" not in done.stdout
    scored = call("evaluate", "runs/coral", "--split", "test")
    assert scored.code == 0, scored.stderr
    assert re.search(r"test +raw +cluster +\d+\.\d\d", scored.stdout)


def test_the_test_split_is_scored_on_demand(
    fitted: str, call: Callable[..., CommandResult]
) -> None:
    scored = call("evaluate", "runs/small", "--split", "test", "--flip", "--crf")
    assert scored.code == 0, scored.stderr
    assert "protocol: held-out" in scored.stdout
    row = r"test +(raw|flip|flip, CRF) +(cluster|linear)" + 3 * r" +(\d+\.\d\d)"
    rows = re.findall(row, scored.stdout)
    ways = ("raw", "flip", "flip, CRF")
    assert [found[:2] for found in rows] == [
        (way, probe) for way in ways for probe in ("cluster", "linear")
    ]
    assert len({found[2:] for found in rows}) == 6


def test_a_damaged_checkpoint_is_refused_in_one_line(
    place: Path, fitted: str, call: Callable[..., CommandResult]
) -> None:
    shutil.copytree(place / "runs/small", place / "damaged")
    (state,) = (place / "damaged").glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:-3])
    refused = call("evaluate", "damaged")
    assert refused.code == 2
    assert "is damaged" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
