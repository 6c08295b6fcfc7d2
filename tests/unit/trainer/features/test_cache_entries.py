import fcntl
import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from trainer.errors import CacheError
from trainer.features import cache_entry
from trainer.features.cache import build_once, cache_root, check_space, hash_json
from trainer.features.cache_entry import EntryWriter, read_entry

ROWS = np.arange(24, dtype=np.float32).reshape(6, 4)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "entry"
    folder.mkdir()
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    with EntryWriter(folder=folder) as writer:
        rows = writer.begin("rows", ROWS.shape, np.float16)
        rows.append(ROWS[:4])
        rows.append(ROWS[4:])
        writer.finish()
        writer.write("whole", np.arange(5))
        writer.seal({"names": ("a", "b")})


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_written_arrays_are_read_back(entry: Path) -> None:
    arrays, description = read_entry(entry, verify="all")

    assert isinstance(arrays["rows"], np.memmap) and not arrays["rows"].flags.writeable
    assert arrays["rows"].dtype == np.float16 and np.array_equal(arrays["rows"], ROWS)
    assert np.array_equal(arrays["whole"], np.arange(5))
    assert description == {"names": ["a", "b"]}


@pytest.mark.parametrize("verify", ["all", "small"])
@pytest.mark.parametrize("position", [10, 128 + 5, -1])
def test_a_flipped_bit_is_found(
    entry: Path, verify: Literal["all", "small"], position: int
) -> None:
    flip(entry / "rows.npy", position)

    with pytest.raises(
        CacheError,
        match=r"rows\.npy does not match its checksum.*delete that folder to build it again",
    ):
        read_entry(entry, verify=verify)


def test_a_large_entry_is_read_completely_only_on_demand(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_entry, "SMALL", 100)
    flip(entry / "rows.npy", -1)

    read_entry(entry, verify="small")
    with pytest.raises(CacheError):
        read_entry(entry, verify="all")


def test_a_truncated_array_is_found_by_its_size(entry: Path) -> None:
    path = entry / "rows.npy"
    path.write_bytes(path.read_bytes()[:-3])

    with pytest.raises(CacheError, match=r"rows\.npy has 173 bytes instead of 176"):
        read_entry(entry)


def test_a_missing_array_is_found(entry: Path) -> None:
    (entry / "whole.npy").unlink()

    with pytest.raises(CacheError, match=r"whole\.npy is missing"):
        read_entry(entry)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{", "null"])
def test_an_invalid_manifest_is_found(entry: Path, content: str) -> None:
    (entry / "manifest.json").write_text(content)

    with pytest.raises(CacheError, match=r"manifest\.json cannot be read"):
        read_entry(entry)


def test_an_edited_manifest_is_found(entry: Path) -> None:
    path = entry / "manifest.json"
    path.write_text(path.read_text().replace('"a"', '"c"'))

    with pytest.raises(CacheError, match=r"manifest\.json does not match its checksum"):
        read_entry(entry)


def test_another_format_is_refused(entry: Path) -> None:
    path = entry / "manifest.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    content["format"] = 99
    path.write_text(json.dumps({**content, "checksum": hash_json(content)}))

    with pytest.raises(CacheError, match="it has format 99"):
        read_entry(entry)


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        fill(folder)

    first = build_once(tmp_path, "abc", build=build, waits=pytest.fail)
    second = build_once(tmp_path, "abc", build=build, waits=pytest.fail)

    folder = tmp_path / "banks/abc"
    assert first == (folder, True) and second == (folder, False)
    assert len(built) == 1 and built[0] != folder
    assert not built[0].exists()
    read_entry(folder, verify="all")


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "rows.npy").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path, "abc", build=build, waits=pytest.fail)
    assert [path.name for path in (tmp_path / "banks").iterdir()] == ["abc.lock"]


def test_a_partial_entry_of_a_killed_process_is_built_again(tmp_path: Path) -> None:
    for left_over in ("abc.partial", "abc"):  # the second without a manifest
        (tmp_path / "banks" / left_over).mkdir(parents=True)
        (tmp_path / "banks" / left_over / "rows.npy").write_bytes(b"half")

    folder, _ = build_once(tmp_path, "abc", build=fill, waits=pytest.fail)

    assert np.array_equal(read_entry(folder, verify="all")[0]["rows"], ROWS)
    assert not (tmp_path / "banks/abc.partial").exists()


Usage = namedtuple("Usage", "total used free")


def test_a_disk_without_room_is_reported_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 0, 100 * 2**20))

    partial = tmp_path / "banks/abc.partial"
    check_space(partial, 30 * 2**20)
    with pytest.raises(CacheError) as caught:
        check_space(partial, 50 * 2**20)
    text = str(caught.value)
    assert "\n" not in text
    assert f"needs 114.0 MiB but {partial.parent} has 100.0 MiB free" in text
    assert "cache list" in text and "UMSS_CACHE" in text


def test_a_disk_that_fills_up_is_reported_in_one_line(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is missing: this system has no device that is always full")

    def build(folder: Path) -> None:
        (folder / "rows.npy").symlink_to(full)
        fill(folder)

    with pytest.raises(CacheError, match=r"No space left on device.*free space") as caught:
        build_once(tmp_path, "abc", build=build, waits=pytest.fail)
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "banks").iterdir()] == ["abc.lock"]


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CacheError, match="cannot write the feature cache"):
        build_once(tmp_path / "file", "abc", build=fill, waits=pytest.fail)


def test_the_cache_is_in_the_configured_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UMSS_CACHE", str(tmp_path / "set"))
    assert cache_root(tmp_path / "given") == tmp_path / "given"
    assert cache_root(None) == tmp_path / "set"

    monkeypatch.delenv("UMSS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert "unim2-search" in cache_root(None).parts


def test_a_waiting_process_says_so_and_gets_the_entry_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held by another process; when it is released, the entry exists."""
    events: list[str] = []
    calls: list[int] = []

    def flock(file: object, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            raise BlockingIOError
        (tmp_path / "banks/abc").mkdir()
        fill(tmp_path / "banks/abc")

    monkeypatch.setattr(fcntl, "flock", flock)

    def build(folder: Path) -> None:
        pytest.fail(f"{folder} was built again")

    folder, built = build_once(tmp_path, "abc", build=build, waits=lambda: events.append("waits"))

    assert not built
    assert events == ["waits"] and len(calls) == 2
    read_entry(folder, verify="all")


def test_equal_data_has_equal_hashes() -> None:
    one = hash_json({"a": 1, "b": [1, 2]})

    assert one == hash_json({"b": (1, 2), "a": 1})
    assert one != hash_json({"a": 1, "b": [2, 1]})
    assert os.path.basename(one) == one and len(one) == 32
