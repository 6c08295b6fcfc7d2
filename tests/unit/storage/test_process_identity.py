"""Processes: when one may be called dead, and when not."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage import process_identity
from storage.process_identity import ProcessIdentity, ProcessStatus, read_status

pytestmark = pytest.mark.skipif(not process_identity.boot_id(), reason="needs Linux's /proc")

TELL_IDENTITY = """
from storage.process_identity import ProcessIdentity
print(repr(vars(ProcessIdentity.of_this_process())), flush=True)
input()
"""


@pytest.fixture
def me() -> ProcessIdentity:
    return ProcessIdentity.of_this_process()


def test_a_living_process_is_not_dead(me: ProcessIdentity) -> None:
    assert not me.is_certainly_dead()
    assert me == ProcessIdentity.of_this_process()


def test_an_ended_process_is_dead_even_before_it_is_reaped() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", TELL_IDENTITY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    identity = ProcessIdentity(**eval(child.stdout.readline()))
    assert identity.pid == child.pid
    assert not identity.is_certainly_dead()
    child.kill()
    child.stdout.read()  # its end: the process is a zombie, or about to be one

    def has_ended() -> bool:
        found = read_status(child.pid)
        assert found is not None
        return found.ended

    while not has_ended():
        pass
    assert identity.is_certainly_dead()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    assert identity.is_certainly_dead()
    assert read_status(child.pid) is None


def test_another_process_with_the_same_number_is_not_the_same(me: ProcessIdentity) -> None:
    assert dataclasses.replace(me, started=me.started - 1).is_certainly_dead()


@pytest.mark.parametrize(
    "elsewhere", [{"host": "other"}, {"boot_id": "other"}, {"boot_id": ""}, {"namespace": 1}]
)
def test_a_process_of_another_place_is_never_called_dead(
    me: ProcessIdentity, elsewhere: dict[str, Any]
) -> None:
    gone = dataclasses.replace(me, pid=2**22 + 1)  # above the largest number that Linux gives
    assert gone.is_certainly_dead()
    assert not dataclasses.replace(gone, **elsewhere).is_certainly_dead()


def test_a_process_whose_details_are_hidden_is_not_called_dead(
    me: ProcessIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_identity, "read_status", lambda pid: None)
    assert not dataclasses.replace(me, started=1).is_certainly_dead()


def test_a_name_with_brackets_and_spaces_is_read_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    after_the_state = " ".join(str(field) for field in range(4, 53))
    (tmp_path / "7/stat").write_text(f"7 (a ) S (b)) R {after_the_state}\n")
    monkeypatch.setattr(process_identity, "PROC", tmp_path)
    assert read_status(7) == ProcessStatus(state="R", parent=4, started=22)
