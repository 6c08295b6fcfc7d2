"""Where a session keeps pictures, and what it stores about that."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from search.config.configuration import LaunchConfig
from search.driver.session import Session
from search.launch.notices import show_missing_place
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.records.stored_picture import places_of
from storage.database import Database
from storage.lease import Lease
from tests.fakes.search_process import STUDY, claim
from tests.fakes.stored_trials import others_study


def options(folder: Path, *, artifacts: str | None = None, **changes: Any) -> RunOptions:
    paths = Paths(cache=folder, checkpoints=folder, artifacts=artifacts)
    made = RunOptions(machine=Machine(device="cpu", workers=1), paths=paths, patience=5.0)
    return dataclasses.replace(made, **changes)


def place_of(database: Database, given: RunOptions) -> str | None:
    """Where a session with these options keeps pictures."""
    record = claim(database, 3, 1)
    with Lease.acquire(database, STUDY) as lease:
        session = Session(
            database=database,
            lease=lease,
            record=record,
            config=LaunchConfig.from_table(record.config),
            options=given,
        )
        with contextlib.closing(session):
            return None if session.pictures is None else session.pictures.place


def stored(database: Database) -> tuple[str, ...]:
    with others_study(database, STUDY) as study:
        return places_of(study._storage.get_study_system_attrs(study._study_id))


def test_pictures_are_beside_the_checkpoints(database: Database, tmp_path: Path) -> None:
    assert place_of(database, options(tmp_path)) == str(tmp_path / "pictures")
    assert stored(database) == (str(tmp_path / "pictures"),)


def test_pictures_are_in_the_artifact_store_if_there_is_one(
    database: Database, tmp_path: Path
) -> None:
    artifacts = str(tmp_path / "artifacts")
    assert place_of(database, options(tmp_path, artifacts=artifacts)) == artifacts
    assert place_of(database, options(tmp_path)) == artifacts  # as the study stores it
    assert stored(database) == (artifacts,)


def test_every_place_is_stored_once_and_the_newest_comes_first(
    database: Database, tmp_path: Path
) -> None:
    for name in ("a", "b", "b", "a"):
        place_of(database, options(tmp_path / name))
    assert stored(database) == (str(tmp_path / "a/pictures"), str(tmp_path / "b/pictures"))


@pytest.mark.parametrize("changes", [{"pictures": "none"}, {"ray_address": "host:6379"}])
def test_there_are_none_if_unwanted_or_if_hosts_share_no_place(
    changes: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    given = options(tmp_path, **changes)
    assert place_of(database, given) is None and stored(database) == ()
    lines: list[str] = []
    show_missing_place(given, False, lines.append)
    assert [("--artifacts" in line) for line in lines] == [True] * ("ray_address" in changes)


def test_a_joined_cluster_keeps_them_in_the_artifact_store(
    database: Database, tmp_path: Path
) -> None:
    artifacts = str(tmp_path / "artifacts")
    given = options(tmp_path, artifacts=artifacts, ray_address="host:6379")
    assert place_of(database, given) == artifacts
    lines: list[str] = []
    show_missing_place(given, True, lines.append)
    assert lines == []
