"""Data of version 0.1 is still read: a killed study resumes from its checkpoint and cache."""

import contextlib
import gzip
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from search.reporting.reading import read_study
from search.reporting.study_view import StudyView
from storage.address import parse_address
from storage.database import open_database
from storage.embedded import EmbeddedServer
from tests.acceptance.conftest import SearchCommand

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

STORED = Path(__file__).parents[1] / "fixtures" / "version_0_1"


def unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")


def restore_database(root: Path) -> None:
    """Fill the embedded server in ``root``, which has no tables yet."""
    server = EmbeddedServer.join(root)
    try:
        with (
            contextlib.closing(psycopg2.connect(host=str(root), user="postgres")) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(gzip.decompress((STORED / "database.sql.gz").read_bytes()).decode())
            connection.commit()
    finally:
        server.leave()


@pytest.fixture
def earlier(search_command: SearchCommand, tmp_path: Path) -> Iterator[SearchCommand]:
    """A machine on which version 0.1 was used."""
    unpack(STORED / "cache.tar.gz", tmp_path / "cache")
    unpack(STORED / "checkpoints.tar.gz", search_command.folder / "checkpoints")
    restore_database(search_command.folder / "pg")
    yield SearchCommand(folder=search_command.folder, cache=tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")


def view_of(command: SearchCommand, study: str) -> StudyView:
    with open_database(parse_address(command.storage[1])) as database:
        return read_study(database, study)


def test_a_killed_study_resumes_like_the_undisturbed_one(earlier: SearchCommand) -> None:
    before = view_of(earlier, "killed")
    assert before.counts.finished == 2
    caches = sorted(path.name for path in (earlier.cache / "banks").iterdir() if path.is_dir())
    shown = earlier.run("resume", "killed", *earlier.places(), "--workers", "1")
    assert "killed: 5 of 5 trials" in shown
    after, undisturbed = view_of(earlier, "killed"), view_of(earlier, "undisturbed")
    assert after.state == "finished"
    for was, stored in zip(before.trials, after.trials, strict=False):
        assert stored.params == was.params
        for step, value in was.scores.items():
            assert stored.scores[step] == value, "what was stored has changed"
    assert [trial.params for trial in after.trials] == [
        trial.params for trial in undisturbed.trials
    ]
    assert [trial.state for trial in after.trials] == [trial.state for trial in undisturbed.trials]
    known = sorted(path.name for path in (earlier.cache / "banks").iterdir() if path.is_dir())
    assert known == caches, "the features were built anew"


def test_a_finished_study_is_shown_as_before(earlier: SearchCommand) -> None:
    best = json.loads(earlier.run("best", "undisturbed", "--format", "json", *earlier.storage))
    assert best["trial"] == 0
    assert best["value"] == 20.839564687952482
    assert best["test"]["cluster"]["miou"] == 16.417059947145525
    shown = earlier.run("launch", "--study", "undisturbed", *earlier.places())
    assert "finished" in shown
