"""Records of pictures: as Optuna writes them, and read whoever wrote them."""

import json
import re
import uuid
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact

from search.records.stored_picture import (
    PLACES_ATTRIBUTE,
    StoredPicture,
    artifact_attributes,
    picture_id,
    pictures_of,
    places_of,
)

#: What optuna-dashboard takes as the name of an artifact.
ARTIFACT = re.compile(r"[0-9a-fA-F-]+")


def test_an_id_is_a_uuid_of_its_own_for_each_study_trial_and_file() -> None:
    ids = [
        picture_id("a", 1, "grid.png"),
        picture_id("b", 1, "grid.png"),
        picture_id("a", 2, "grid.png"),
        picture_id("a", 1, "losses.png"),
    ]
    assert len(set(ids)) == 4
    assert all(ARTIFACT.fullmatch(each) and uuid.UUID(each) for each in ids)
    assert picture_id("a", 1, "grid.png") == ids[0]


def test_optuna_reads_what_is_recorded() -> None:
    study = optuna.create_study()
    trial = study.ask()
    picture = StoredPicture(artifact=picture_id("a", 0, "grid.png"), file="grid.png")
    for key, value in artifact_attributes([picture]).items():
        study._storage.set_trial_system_attr(trial._trial_id, key, value)
    (meta,) = get_all_artifact_meta(trial)
    assert (meta.artifact_id, meta.filename, meta.mimetype, meta.encoding) == (
        picture.artifact,
        "grid.png",
        "image/png",
        None,
    )


def test_what_optuna_records_is_read(tmp_path: Path) -> None:
    study = optuna.create_study()
    trial = study.ask()
    (tmp_path / "own.png").write_bytes(b"picture")
    (tmp_path / "notes.txt").write_text("no picture")
    ids = [
        upload_artifact(
            artifact_store=FileSystemArtifactStore(tmp_path),
            file_path=str(tmp_path / name),
            study_or_trial=trial,
        )
        for name in ("own.png", "notes.txt")
    ]
    attributes = study._storage.get_trial(trial._trial_id).system_attrs
    assert len(attributes) == 2
    assert pictures_of(attributes) == (StoredPicture(artifact=ids[0], file="own.png"),)


def test_a_deleted_picture_is_none_any_more() -> None:
    (key,) = artifact_attributes([StoredPicture(artifact="a", file="grid.png")])
    assert pictures_of({key: json.dumps(None), "another": 1}) == ()


def test_the_newest_place_comes_first_and_others_attributes_are_no_places() -> None:
    assert places_of({PLACES_ATTRIBUTE: ["/old", "/new", 3]}) == ("/new", "/old")
    assert places_of({PLACES_ATTRIBUTE: "/a"}) == places_of({}) == ()
