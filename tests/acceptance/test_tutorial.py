"""Every command of docs/tutorial.md, run as it stands there, and every excerpt that it prints.

The folder has small images of noise, and the settings make a trial take a moment.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import REPOSITORY
from tests.fakes.greenhouse import IMAGES, write_greenhouse
from tests.fakes.scratch import scratch_root
from trainer.config.toml_records import toml_text

PAGE = (REPOSITORY / "docs/tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
#: What the page leaves to the settings, and a test may not wait for.
TINY = {
    "features": {"train_resolution": 64, "eval_resolution": 64},
    "training": {"iterations": 8, "batch_size": 4, "samples": 3, "random_draws": 2},
    "evaluation": {"evaluations": 2},
}
SMALL = {"--trials 200": "--trials 2 --config tiny.toml --workers 1 --plain --device cpu"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not under tmp_path: the account that root's server runs under may not enter that."""
    made = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def run(command: str, folder: Path) -> str:
    """What a command prints; ``python`` is this one."""
    for page, small in SMALL.items():
        command = command.replace(page, small)
    done = subprocess.run(
        ["bash", "-euc", re.sub(r"^python ", f"{sys.executable} ", command)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "UMSS_STORAGE": f"embedded:{folder / 'pg'}",
            "UMSS_CACHE": str(folder / "cache"),
            "UMSS_BOOKINGS": str(folder / "bookings"),
            "XDG_DATA_HOME": str(folder / "data"),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, command + done.stdout + done.stderr
    return done.stdout


def check_excerpt(excerpt: str, printed: str) -> None:
    """Every line of the excerpt was printed, in this order."""
    lines = iter(printed.splitlines())
    for line in excerpt.splitlines():
        assert line in lines, line


def commands() -> list[str]:
    return [
        line for block in BLOCKS for line in block.splitlines() if line.startswith("python -m ")
    ]


def excerpts() -> list[str]:
    return [block for block in BLOCKS if not block.startswith("python -m ")]


def test_the_excerpt_is_what_init_prints(folder: Path) -> None:
    write_greenhouse(folder / "greenhouse", images=IMAGES)
    (excerpt,) = excerpts()
    assert commands()[0] == "python -m search init greenhouse"
    check_excerpt(excerpt, run(commands()[0], folder))


@pytest.mark.cluster
@pytest.mark.timeout(1200)
def test_every_command_of_the_page(folder: Path) -> None:
    write_greenhouse(folder / "greenhouse", images=24)
    write_greenhouse(folder / "new", images=2, labelled=False)
    (folder / "tiny.toml").write_text(toml_text(TINY))
    for command in commands():
        run(command, folder)
    for written in ("greenhouse/dataset.toml", "report/report.html", "runs/best", "figures"):
        assert (folder / written).exists(), written
    assert len(list((folder / "masks").iterdir())) >= 2
