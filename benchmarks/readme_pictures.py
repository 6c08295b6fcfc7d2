"""Draw the pictures of README.md from a real search.

    python -m benchmarks.readme_pictures --storage embedded:FOLDER/postgres --folder FOLDER

Runs `search launch` on a terminal and saves its display during the search and at the end, opens
optuna-dashboard in Chromium on the study, and draws scenes with the best trial's predictions.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pyte
import typer
from PIL import Image

from benchmarks.terminal import draw_screen, run_on_terminal

__all__ = ["PICTURES", "main"]

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
STUDY = "rooms-readme"
SHOWN_AT = 0.45  # finished fraction of the search in the picture of its progress
DASHBOARD_SECONDS = 60.0
#: Width and height of the window for each picture of the browser.
SIZES = {"dashboard.png": "1500,1150", "trial.png": "1500,1190", "studies.png": "1100,380"}


def main(
    storage: Annotated[str, typer.Option(help="Database of the search.")],
    folder: Annotated[Path, typer.Option(help="Folder of caches and checkpoints.")],
    trials: Annotated[int, typer.Option(help="Trials of the search.")] = 200,
) -> None:
    """Search, and write the pictures of the terminal, the browser and the predictions."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    _search(storage, folder, trials)
    _dashboard(storage)
    _predictions(folder)


def _search(storage: str, folder: Path, trials: int) -> None:
    command = [sys.executable, "-m", "search", "launch", "--trials", str(trials)]
    places = ["--study", STUDY, "--storage", storage, "--cache", str(folder / "cache")]
    places += ["--checkpoints", str(folder / "checkpoints")]
    title = f"python -m search launch --trials {trials}"

    def look(screen: pyte.Screen) -> None:
        done = re.search(rf"(\d+) of {trials}\b", "\n".join(screen.display))
        if done and int(done[1]) <= SHOWN_AT * trials:
            draw_screen(screen, PICTURES / "live-progress.svg", title=title)

    code = run_on_terminal([*command, *places], environment=os.environ, look=look)
    if code:
        sys.exit(f"the search ended with exit code {code}")


def _dashboard(storage: str) -> None:
    """Pictures of the study, of its best trial, and of the page of studies."""
    command = [sys.executable, "-m", "search", "best", STUDY, "--storage", storage, "--json"]
    best = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    with _served(storage) as port, tempfile.TemporaryDirectory() as profile:
        study = f"/dashboard/studies/{_study_id(port)}"
        pages = {
            "dashboard.png": study,
            "trial.png": f"{study}/trials?numbers={best['trial']}",
            "studies.png": "/umss/",
        }
        for name, page in pages.items():
            subprocess.run(
                [
                    *("chromium", "--headless", "--no-sandbox", "--hide-scrollbars"),
                    *(f"--user-data-dir={profile}", f"--window-size={SIZES[name]}"),
                    *("--virtual-time-budget=20000", f"--screenshot={PICTURES / name}"),
                    f"http://127.0.0.1:{port}{page}",
                ],
                check=True,
                stderr=subprocess.DEVNULL,
            )


@contextlib.contextmanager
def _served(storage: str) -> Iterator[int]:
    """The dashboard on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "search", "dashboard", "--port", str(port)]
    with subprocess.Popen([*command, "--storage", storage]) as process:
        try:
            due = time.monotonic() + DASHBOARD_SECONDS
            while not _answers(port) and time.monotonic() < due:
                time.sleep(0.5)
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _study_id(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies") as answer:
        found = re.search(
            rb'"study_id":\s*(\d+),\s*"study_name":\s*"%s"' % STUDY.encode(), answer.read()
        )
    if found is None:
        sys.exit(f"the dashboard does not list {STUDY}")
    return int(found[1])


def _predictions(folder: Path) -> None:
    """Predictions of the best trial's checkpoint, made with the trainer's own command."""
    (checkpoint,) = {
        path.parent
        for path in (folder / "checkpoints").glob(f"{STUDY}-*/trial-*/*/checkpoint.json")
    }
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "trainer", "figures", str(checkpoint), "--out", out]
        subprocess.run([*command, "--images", "3", "--cache", str(folder / "cache")], check=True)
        shutil.copy(Path(out) / "strips.png", PICTURES / "predictions.png")
    with Image.open(PICTURES / "predictions.png") as picture:
        print(f"predictions.png: {picture.width} x {picture.height}")


if __name__ == "__main__":
    typer.run(main)
