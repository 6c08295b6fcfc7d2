"""Artifacts in several places: found wherever they are, also in places named later."""

import io
from pathlib import Path

import pytest

from storage.artifact_lookup import ArtifactLookup
from storage.artifact_places import open_artifacts
from storage.errors import ArtifactFailure


def store(place: Path, name: str, content: bytes) -> None:
    open_artifacts(str(place)).write(name, io.BytesIO(content))


def read(lookup: ArtifactLookup, name: str) -> bytes:
    with lookup.open_reader(name) as reader:
        return reader.read()


def test_an_artifact_is_read_from_the_place_that_has_it(tmp_path: Path) -> None:
    places = [str(tmp_path / "b"), str(tmp_path / "c")]
    lookup = ArtifactLookup(lambda: places, first=str(tmp_path / "a"))
    for name in "abc":
        store(tmp_path / name, name, name.encode())
    assert [read(lookup, name) for name in "abc"] == [b"a", b"b", b"c"]
    with pytest.raises(ArtifactFailure, match="no place has the artifact d"):
        lookup.open_reader("d")


def test_a_place_that_is_named_later_is_found(tmp_path: Path) -> None:
    places: list[str] = []
    lookup = ArtifactLookup(lambda: places, first=str(tmp_path / "a"))
    store(tmp_path / "b", "name", b"b")
    with pytest.raises(ArtifactFailure):
        lookup.open_reader("name")
    places.append(str(tmp_path / "b"))
    assert read(lookup, "name") == b"b"
    places.clear()
    assert read(lookup, "name") == b"b"  # known by now, without asking


def test_new_artifacts_go_to_the_first_place_and_are_deleted_everywhere(tmp_path: Path) -> None:
    lookup = ArtifactLookup(lambda: [str(tmp_path / "b")], first=str(tmp_path / "a"))
    lookup.write("name", io.BytesIO(b"new"))
    store(tmp_path / "b", "name", b"old")
    assert (tmp_path / "a" / "name").read_bytes() == b"new"
    lookup.remove("name")
    assert not (tmp_path / "a" / "name").exists() and not (tmp_path / "b" / "name").exists()


def test_a_place_that_cannot_be_used_hides_no_other(tmp_path: Path) -> None:
    store(tmp_path / "b", "name", b"b")
    places = ["gs://bucket", str(tmp_path / "b")]
    lookup = ArtifactLookup(lambda: places, first=str(tmp_path / "a"))
    assert read(lookup, "name") == b"b"
