"""Artifact stores: all behave alike, artifacts are whole or absent, and failures have one type."""

import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.artifact_places import check_writable, open_artifacts
from storage.artifacts import Artifacts
from storage.errors import ArtifactFailure, ArtifactPlaceError
from tests.fakes.s3 import BUCKET, S3, serve_s3


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[S3]]:
    pytest.importorskip("boto3", reason="boto3 is an optional extra")
    with serve_s3() as (server, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(params=["folder", "bucket", "bucket with a prefix"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    if request.param == "folder":
        return open_artifacts(str(tmp_path / "artifacts"))
    request.getfixturevalue("s3")
    prefix = "/some/prefix/" if "prefix" in request.param else ""
    return open_artifacts(f"s3://{BUCKET}{prefix}")


def read(artifacts: Artifacts, name: str) -> bytes:
    with artifacts.open_reader(name) as reader:
        return reader.read()


def test_written_artifacts_are_read_and_deleted_ones_are_not(artifacts: Artifacts) -> None:
    for name in ("a/one", "a/b/two", "ab/three"):
        artifacts.write(name, io.BytesIO(name.encode()))
    assert read(artifacts, "a/b/two") == b"a/b/two"
    artifacts.discard("a")
    artifacts.discard("nothing")
    for name in ("a/one", "a/b/two", "never"):
        with pytest.raises(ArtifactFailure, match="no such artifact"):
            artifacts.open_reader(name)
    assert read(artifacts, "ab/three") == b"ab/three"
    artifacts.remove("ab/three")
    artifacts.remove("ab/three")
    with pytest.raises(ArtifactFailure):
        artifacts.open_reader("ab/three")


def test_a_writable_place_is_unchanged_by_the_check(artifacts: Artifacts, tmp_path: Path) -> None:
    check_writable(artifacts, "here")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_the_old_artifact_and_no_partial_one(tmp_path: Path) -> None:
    artifacts = open_artifacts(str(tmp_path))
    artifacts.write("a/one", io.BytesIO(b"before"))
    with full_disk(1000), pytest.raises(ArtifactFailure, match="too large"):
        artifacts.write("a/one", io.BytesIO(bytes(5000)))
    assert read(artifacts, "a/one") == b"before"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]


def test_a_bucket_that_refuses_says_why_in_one_line(s3: type[S3]) -> None:
    artifacts = open_artifacts(f"s3://{BUCKET}")
    s3.full = True
    with pytest.raises(ArtifactPlaceError, match="the bucket is full") as caught:
        check_writable(artifacts, f"s3://{BUCKET}")
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("place", ["gs://bucket/x", "s3://", "s3://B", "s3:///prefix"])
def test_other_places_are_refused(place: str) -> None:
    with pytest.raises(ArtifactPlaceError, match="give a folder or s3://BUCKET/PREFIX"):
        open_artifacts(place)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "below")
    with pytest.raises(ArtifactPlaceError, match="Not a directory"):
        check_writable(open_artifacts(place), place)


def test_names_stay_below_their_root(tmp_path: Path) -> None:
    artifacts = open_artifacts(str(tmp_path / "artifacts"))
    (tmp_path / "other").mkdir()
    with pytest.raises(AssertionError):
        artifacts.discard("../other")
    with pytest.raises(ValueError, match="Invalid artifact_id"):
        artifacts.open_reader("../other/secret")
