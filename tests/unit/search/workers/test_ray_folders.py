"""Ray's folder: its own choice if that works, else a short private one, or an error."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.errors import ClusterError
from search.workers.ray_folder import LONGEST, find_ray_folder


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """Where short folders are made, in place of /tmp."""
    made = tmp_path / "short"
    made.mkdir()
    return made


def replaced(environment: dict[str, str], parent: Path) -> str:
    """Why Ray's choice was replaced; the folder that is taken instead is private."""
    found = find_ray_folder(environment, parents=[parent])
    assert found is not None and found.path.parent.parent == parent
    assert stat.S_IMODE(found.path.parent.stat().st_mode) == 0o700
    assert str(found.path) in found.text() and found.why in found.text()
    return found.why


def of_length(size: int, base: Path) -> Path:
    folder = base / ("x" * (size - len(str(base)) - 1))
    folder.mkdir()
    return folder


@pytest.fixture
def base() -> Iterator[Path]:
    """A short folder: pytest's are too long for sockets themselves."""
    with tempfile.TemporaryDirectory(prefix="u", dir="/tmp") as made:
        yield Path(made)


def test_a_short_folder_is_left_to_ray(base: Path, parent: Path) -> None:
    longest = of_length(LONGEST - len("/ray"), base)
    assert find_ray_folder({"TMPDIR": str(longest)}, parents=[parent]) is None
    assert find_ray_folder({}, parents=[parent]) is None
    (longest / "ray").mkdir()
    assert find_ray_folder({"TMPDIR": str(longest)}, parents=[parent]) is None
    assert list(parent.iterdir()) == []


def test_a_long_folder_is_replaced(base: Path, parent: Path) -> None:
    long = of_length(LONGEST - len("/ray") + 1, base)
    assert "too long for sockets" in replaced({"TMPDIR": str(long)}, parent)
    assert replaced({"RAY_TMPDIR": str(long), "TMPDIR": "/tmp"}, parent).startswith("RAY_TMPDIR=")
    assert find_ray_folder({"RAY_TMPDIR": "/tmp", "TMPDIR": str(long)}, parents=[parent]) is None


def test_one_that_is_missing_or_a_file_is_replaced(base: Path, parent: Path) -> None:
    assert "is not an existing folder" in replaced({"TMPDIR": str(base / "gone")}, parent)
    (base / "file").touch()
    assert "is not an existing folder" in replaced({"TMPDIR": str(base / "file")}, parent)
    assert "not an absolute path" in replaced({"TMPDIR": "here"}, parent)
    assert not (base / "gone").exists()


def test_one_of_another_account_is_replaced(
    base: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: set[Path] = {base}
    monkeypatch.setattr(
        "search.workers.ray_folder.os.access", lambda path, mode: path not in closed
    )
    assert "cannot be written by this account" in replaced({"TMPDIR": str(base)}, parent)
    (base / "ray").mkdir()
    assert find_ray_folder({"TMPDIR": str(base)}, parents=[parent]) is None
    closed.add(base / "ray")
    assert "belongs to another account" in replaced({"TMPDIR": str(base)}, parent)


def test_a_short_folder_of_another_user_is_not_used(base: Path, parent: Path) -> None:
    (parent / f"unim2-search-{os.geteuid()}").mkdir(mode=0o755)
    second = parent / "second"
    second.mkdir()
    gone = {"TMPDIR": str(base / "gone")}
    found = find_ray_folder(gone, parents=[parent, parent / "missing", second])
    assert found is not None and found.path.parent.parent == second
    with pytest.raises(ClusterError, match=r"\A[^\n]*set RAY_TMPDIR to a writable folder[^\n]*\Z"):
        find_ray_folder(gone, parents=[parent, parent / "missing"])
