"""Pictures of a trial are read wherever its study keeps them; one that is missing is a line."""

import io
from pathlib import Path

import pytest

from search.records.stored_picture import StoredPicture
from search.reporting import trial_pictures
from search.reporting.trial_pictures import TrialPicture, read_pictures
from storage.artifact_places import open_artifacts
from tests.unit.search.reporting.studies import details_of, full_run

PICTURES = tuple(StoredPicture(artifact=name, file=f"{name}.png") for name in "ab")
TRIAL = full_run(3, 20.0, pictures=PICTURES)


def store(place: Path, name: str, content: bytes) -> None:
    open_artifacts(str(place)).write(name, io.BytesIO(content))


def test_pictures_are_read_from_every_place(tmp_path: Path) -> None:
    store(tmp_path / "new", "a", b"A")
    store(tmp_path / "old", "b", b"B")
    places = (str(tmp_path / "new"), str(tmp_path / "old"))
    found, lines = read_pictures(details_of([TRIAL], picture_places=places), TRIAL)
    assert found == (TrialPicture(file="a.png", data=b"A"), TrialPicture(file="b.png", data=b"B"))
    assert lines == ()


def test_a_missing_picture_is_a_line(tmp_path: Path) -> None:
    store(tmp_path, "b", b"B")
    found, lines = read_pictures(details_of([TRIAL], picture_places=(str(tmp_path),)), TRIAL)
    assert found == (TrialPicture(file="b.png", data=b"B"),)
    assert lines == ("trial 3 is shown without a.png: no place has the artifact a",)


def test_a_picture_that_would_swell_the_page_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_pictures, "LARGEST", 3)
    store(tmp_path, "a", b"four")
    store(tmp_path, "b", b"two")
    found, lines = read_pictures(details_of([TRIAL], picture_places=(str(tmp_path),)), TRIAL)
    assert [picture.file for picture in found] == ["b.png"]
    assert lines == ("trial 3 is shown without a.png: it is too large for a report",)


def test_a_study_that_was_imported_without_its_places_is_a_line() -> None:
    found, lines = read_pictures(details_of([TRIAL]), TRIAL)
    assert found == () and len(lines) == 1 and "nobody stored where" in lines[0]


def test_a_trial_without_pictures_has_none() -> None:
    trial = full_run(3, 20.0)
    assert read_pictures(details_of([trial]), trial) == ((), ())
