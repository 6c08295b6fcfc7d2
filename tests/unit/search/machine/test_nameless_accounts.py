"""An account that the system knows by number alone: its names and folders."""

import getpass
import os
import pwd
from pathlib import Path

import pytest

from search.machine import home
from search.machine.home import provide_folders
from search.workers import ray_environment as environment
from search.workers.ray_environment import name_account
from trainer.errors import CacheError
from trainer.features.cache import cache_root


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "has_name", lambda: False)
    monkeypatch.setattr(environment, "has_name", lambda uid: False)


def provided(variables: dict[str, str], parent: Path) -> list[str]:
    notes: list[str] = []
    provide_folders(variables, notes.append, parents=[parent])
    return notes


@pytest.mark.parametrize("given", [{}, {"HOME": ""}, {"HOME": "/proc"}])
def test_without_a_home_files_go_to_a_private_folder_and_that_is_said(
    nameless: None, given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.machine.home.os.access", lambda path, mode: path != "/proc")
    variables = given | {"XDG_CACHE_HOME": "/cache"}
    (note,) = provided(variables, tmp_path)
    folder = tmp_path / f"unim2-search-{os.geteuid()}"
    assert str(folder) in note and "set HOME" in note
    assert variables == given | {
        "XDG_CACHE_HOME": "/cache",
        "XDG_DATA_HOME": str(folder / "data"),
    }
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_home_or_named_folders_are_left_alone(nameless: None, tmp_path: Path) -> None:
    named = {"XDG_DATA_HOME": "/a", "XDG_CACHE_HOME": "/b"}
    for variables in (named, {"HOME": str(tmp_path)}):
        before = dict(variables)
        assert provided(variables, tmp_path) == []
        assert variables == before


def test_an_account_with_a_name_is_left_alone(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    assert provided(variables, tmp_path) == [] and variables == {}
    name_account(variables)
    assert variables == {}


def test_a_requested_name_is_provided(nameless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.NAME_VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    name_account(os.environ)
    assert getpass.getuser() == f"uid-{os.getuid()}"
    monkeypatch.setenv("LOGNAME", "own")
    monkeypatch.delenv("USER")
    name_account(os.environ)
    assert "USER" not in os.environ


def test_a_cache_without_a_home_folder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "UMSS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(CacheError, match=r"\A[^\n]*give --cache FOLDER[^\n]*\Z"):
        cache_root(None)
