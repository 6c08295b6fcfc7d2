"""Whole searches by the real command: Ray workers, the UniM2 trainer, PostgreSQL."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.reporting.reading import read_study
from search.reporting.study_view import StudyView
from storage.address import parse_address
from storage.database import open_database
from tests.acceptance.conftest import REPOSITORY, SearchCommand
from trainer.figures.trial_pictures import PICTURES
from trainer.records import Report

# several starts of Ray each, on a machine of any speed
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

Register = Callable[[subprocess.Popen[str]], subprocess.Popen[str]]


def view_of(command: SearchCommand, study: str) -> StudyView:
    with open_database(parse_address(command.storage[1])) as database:
        return read_study(database, study)


def results(view: StudyView) -> list[Any]:
    return [
        (trial.number, trial.state, trial.value, trial.params, trial.scores)
        for trial in view.trials
    ]


def descendants(pid: int, title: str) -> list[int]:
    """Processes below ``pid`` whose title begins with this text."""
    parents: dict[int, int] = {}
    titles: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            titles[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has ended
        parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])

    def below(child: int) -> bool:
        while child in parents:
            child = parents[child]
            if child == pid:
                return True
        return False

    return [child for child in parents if titles[child].startswith(title) and below(child)]


def check_pictures(view: StudyView, folder: Path) -> None:
    """Complete trials have all pictures, pruned ones none, and there are no others."""
    stored = {path.name for path in folder.iterdir()}
    for trial in view.trials:
        assert len(trial.pictures) == (len(PICTURES) if trial.state == "complete" else 0)
        assert bool(trial.class_iou) == (trial.state == "complete")
        stored -= {picture.artifact for picture in trial.pictures}
    assert not stored


def test_launch_ends_exactly_and_again_the_same_when_killed(
    search_command: SearchCommand, ended: Register, tmp_path: Path
) -> None:
    options = ["--trials", "6", "--workers", "1", "--seed", "3"]
    shown = search_command.launch(*options, "--study", "first")
    assert "first: 6 of 6 trials" in shown
    assert "best trial" in shown and "test mIoU" in shown
    assert "python -m search best first" in shown
    view = view_of(search_command, "first")
    assert view.state == "finished"
    assert [trial.number for trial in view.trials] == list(range(6))
    assert view.counts.finished == 6
    assert view.test is not None and view.best is not None
    assert view.test["trial"] == view.best.number

    check_pictures(view, search_command.folder / "checkpoints" / "pictures")

    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    options += ["--pictures", "none"]  # which changes no score
    driver = ended(search_command.start(*launch, *options, "--study", "second"))
    search_command.wait_for("trial 2 complete")
    driver.send_signal(signal.SIGKILL)
    driver.wait(timeout=30)
    resume = ["resume", "second", *search_command.places(), "--pictures", "none"]
    shown = search_command.run(*resume, "--workers", "1")
    assert "resuming study second" in shown
    second = view_of(search_command, "second")
    assert results(second) == results(view)
    assert all(trial.pictures == () for trial in second.trials)

    again = search_command.launch(*options, "--study", "first")
    assert "study first is finished: 6 trials" in again
    assert len(view_of(search_command, "first").trials) == 6
    toml = search_command.run("best", "first", "--format", "toml", *search_command.storage)
    (tmp_path / "best.toml").write_text(toml)
    fit = [sys.executable, "-m", "trainer", "fit", str(tmp_path / "best.toml")]
    subprocess.run(
        [*fit, "--out", str(tmp_path / "run"), "--cache", str(search_command.cache)],
        cwd=REPOSITORY,
        check=True,
        timeout=120,
        capture_output=True,
    )
    fitted = json.loads((tmp_path / "run" / "checkpoint.json").read_text())
    scores = {
        report["evaluation"]: MIOU_ACCURACY.score(Report.from_json(report))
        for report in fitted["reports"]
    }
    assert scores == view.best.scores


def test_a_killed_worker_loses_nothing(search_command: SearchCommand, ended: Register) -> None:
    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    # a worker that was frozen while it draws pictures would have no trial to lose
    options = ["--trials", "24", "--workers", "2", "--study", "kept", "--pictures", "none"]
    driver = ended(search_command.start(*launch, *options))
    for trial in (0, 1):  # the first of each worker, so that both have started
        search_command.wait_for(f"trial {trial} complete")
    workers = descendants(driver.pid, "ray::_Actor")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGSTOP)  # a free worker gets its next trial, and keeps it
    time.sleep(3)  # on a busy machine the driver needs a while
    os.kill(workers[0], signal.SIGKILL)
    assert driver.wait(timeout=200) == 0, search_command.log()
    view = view_of(search_command, "kept")
    assert [trial.number for trial in view.trials] == list(range(24))
    assert view.counts.finished == 24 and view.counts.failed == 0
    assert "continues on the next free worker" in search_command.log()
    again = [trial.attempts for trial in view.trials if len(trial.attempts) > 1]
    assert len(again) == 1 and again[0][-1] == "lost"


def test_interrupt_stops_cleanly_and_stop_asks_for_it(
    search_command: SearchCommand, ended: Register
) -> None:
    launch = ["launch", "--config", search_command.config(), *search_command.places()]
    driver = ended(search_command.start(*launch, "--trials", "400", "--study", "long"))
    search_command.wait_for("trial 1 complete")
    second = search_command.run(
        "launch", "--config", search_command.config(), *search_command.places(),
        "--trials", "400", "--study", "long", code=3,
    )  # fmt: skip
    assert f"driven by pid {driver.pid}" in second
    driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=60) == 4, search_command.log()
    assert "python -m search resume long" in search_command.log()
    assert "stopped: SIGINT received\n" in search_command.log()
    assert "the first finished trial took " in search_command.log()
    assert view_of(search_command, "long").state == "paused"

    driver = ended(search_command.start("resume", *search_command.places()))
    search_command.wait_for("resuming study long")
    search_command.wait_for("adopted as attempt 2")
    asked = search_command.run("stop", *search_command.storage)
    assert "asked study long to stop" in asked
    assert driver.wait(timeout=60) == 4, search_command.log()
    view = view_of(search_command, "long")
    assert 2 <= view.counts.finished < 400 and view.counts.failed == 0
    listed = search_command.run("list", *search_command.storage)
    assert "long" in listed and "paused" in listed


@pytest.mark.skipif("UMSS_DATA" not in os.environ, reason="UMSS_DATA names no real images")
def test_cityscapes_frames_give_a_scored_result(search_command: SearchCommand) -> None:
    data = str(Path(os.environ["UMSS_DATA"]) / "cityscapes")
    shown = search_command.run(
        "launch", "--preset", "cityscapes-rgbd", "--data", data, *search_command.places(),
        "--trials", "2", "--iterations", "60", "--study", "city",
    )  # fmt: skip
    assert "city: 2 of 2 trials" in shown and "test mIoU" in shown


@pytest.mark.long
def test_a_larger_target_continues_a_finished_study(search_command: SearchCommand) -> None:
    shown = search_command.launch("--trials", "3", "--study", "more")
    assert "more: 3 of 3 trials" in shown
    before = results(view_of(search_command, "more"))
    shown = search_command.launch("--trials", "5", "--study", "more")
    assert "more: 5 of 5 trials" in shown
    view = view_of(search_command, "more")
    assert view.state == "finished" and view.counts.finished == 5
    assert [trial.number for trial in view.trials] == list(range(5))
    assert results(view)[:3] == before
