"""A worker draws the pictures of decided trials; whatever fails over them is one line."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from search.records.jobs import Job
from search.records.messages import Begin, Continue, DrawPictures, PicturesDrawn, Task
from search.records.stored_picture import picture_id
from search.workers import worker
from search.workers.picture_maker import PicturePlace
from search.workers.worker import WorkerSetup
from tests.fakes.hosted_worker import HostedWorker
from tests.unit.trainer.small import CPU, ROOMS
from trainer.commands.setup import prepare_dataset_features
from trainer.figures import trial_pictures
from trainer.figures.trial_pictures import PICTURES
from trainer.records import Report

STUDY = "study-0123456789ab"


@pytest.fixture
def setup(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> Callable[[int], WorkerSetup]:
    cache = tmp_path_factory.mktemp("cache")
    features = prepare_dataset_features(ROOMS, cache=cache, device=CPU, verify="small")
    monkeypatch.setattr(worker, "open_dataset_features", lambda folder: features)
    place = PicturePlace(place=str(tmp_path / "pictures"), study=STUDY)
    return lambda slots: WorkerSetup(
        config=ROOMS, feature_cache="", device="cpu", slots=slots, pictures=place
    )


def task(folder: Path, trial: int, *, attempt: int = 1) -> Task:
    place = folder / f"trial-{trial}"
    return Task(
        job=Job("trial", trial),
        attempt=attempt,
        params={"lambda_self": 0.1},
        seed=trial,
        folder=str(place / f"attempt-{attempt}"),
        earlier=tuple(str(place / f"attempt-{n}") for n in range(1, attempt)),
    )


def train(hosted: HostedWorker, given: Task, slot: int = 0) -> list[Report]:
    reports = list(hosted.advance(Begin(task=given), slot).reports)
    while len(reports) < ROOMS.evaluation.evaluations:
        reports += hosted.advance(Continue(), slot).reports
    return reports


def draw(hosted: HostedWorker, slot: int = 0) -> PicturesDrawn:
    drawn = hosted.answer(DrawPictures(), slot)
    assert isinstance(drawn, PicturesDrawn)
    return drawn


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "pictures").iterdir()}


def test_pictures_are_stored_under_the_names_that_are_reported(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    hosted = HostedWorker(setup(1))
    train(hosted, task(tmp_path, 7))
    drawn = draw(hosted)
    assert drawn.notes == ()
    assert [picture.file for picture in drawn.pictures] == [f"{name}.png" for name in PICTURES]
    for picture in drawn.pictures:
        assert picture.artifact == picture_id(STUDY, 7, picture.file)
    assert stored(tmp_path).keys() == {picture.artifact for picture in drawn.pictures}


def test_a_trial_that_is_pruned_early_has_pictures_if_asked(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    hosted = HostedWorker(setup(1))
    assert len(hosted.advance(Begin(task=task(tmp_path, 7))).reports) == 1
    drawn = draw(hosted)
    assert len(drawn.pictures) == len(PICTURES) and drawn.notes == ()
    assert train(hosted, task(tmp_path, 8)) == train(
        HostedWorker(setup(1)), task(tmp_path / "alone", 8)
    )


def test_another_attempt_replaces_them_by_the_same(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    first = HostedWorker(setup(1))
    train(first, task(tmp_path, 7))
    drawn, before = draw(first), stored(tmp_path)
    second = HostedWorker(setup(1))
    resumed = second.advance(Begin(task=task(tmp_path, 7, attempt=2)))
    assert len(resumed.reports) == ROOMS.evaluation.evaluations
    assert draw(second) == drawn and stored(tmp_path) == before


def test_a_trial_beside_one_whose_pictures_are_drawn_is_the_trial_alone(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    alone = train(HostedWorker(setup(1)), task(tmp_path / "alone", 3))
    hosted = HostedWorker(setup(2))
    train(hosted, task(tmp_path, 7), slot=0)
    reports = list(hosted.advance(Begin(task=task(tmp_path, 3)), 1).reports)
    assert len(draw(hosted, slot=0).pictures) == len(PICTURES)
    reports += hosted.advance(Continue(), 1).reports
    assert reports == alone
    assert len(draw(hosted, slot=1).pictures) == len(PICTURES)
    following = train(hosted, task(tmp_path / "again", 3), slot=0)
    assert following == alone


def test_a_place_that_takes_nothing_is_one_line(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    (tmp_path / "pictures").write_text("a file where the folder should be")
    hosted = HostedWorker(setup(1))
    train(hosted, task(tmp_path, 7))
    drawn = draw(hosted)
    assert drawn.pictures == ()
    (line,) = drawn.notes
    assert line.startswith("trial 7: its pictures are incomplete: ArtifactFailure: ")
    train(hosted, task(tmp_path, 8))
    assert draw(hosted) == PicturesDrawn(pictures=(), notes=())  # sent once
    (tmp_path / "pictures").unlink()
    train(hosted, task(tmp_path, 9))
    assert len(draw(hosted).pictures) == len(PICTURES)


def test_a_picture_that_cannot_be_drawn_is_one_line(
    setup: Callable[[int], WorkerSetup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(inputs: object) -> bytes:
        raise RuntimeError("no\nroom")

    monkeypatch.setattr(trial_pictures, "PICTURES", {**PICTURES, "confusion": fail})
    hosted = HostedWorker(setup(1))
    train(hosted, task(tmp_path, 7))
    drawn = draw(hosted)
    assert drawn.notes == ("trial 7: its pictures are incomplete: RuntimeError: no",)
    assert [picture.file for picture in drawn.pictures] == ["grid.png"]  # the one before it


def test_images_that_cannot_be_read_are_one_line(
    setup: Callable[[int], WorkerSetup], tmp_path: Path
) -> None:
    """Such as on a node of a cluster that has only the features."""
    data = dataclasses.replace(ROOMS.data, name="folder", root="/nowhere", options={})
    with_place = dataclasses.replace(setup(1), config=dataclasses.replace(ROOMS, data=data))
    hosted = HostedWorker(with_place)
    train(hosted, task(tmp_path, 7))
    drawn = draw(hosted)
    assert len(drawn.pictures) == len(PICTURES)
    assert len(drawn.notes) == 1 and "The images cannot be read here: " in drawn.notes[0]
    train(hosted, task(tmp_path, 8))
    assert draw(hosted).notes == ()
