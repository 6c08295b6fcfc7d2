"""Locks that end with their holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import EmbeddedError
from storage.file_lock import FileLock

HOLD = """
import sys, os
sys.stdin.readline()
"""


def test_one_holder_alone_or_many_together(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as first, FileLock(path) as second, FileLock(path) as third:
        assert first.try_shared()
        assert second.try_shared()
        assert not third.try_exclusive()
        first.close()
        second.close()
        assert third.try_exclusive()


def test_a_program_that_inherits_the_lock_keeps_it_to_its_end(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.try_exclusive()
    successor = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, pass_fds=[lock.descriptor]
    )
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, close_fds=False)
    lock.close()
    with FileLock(tmp_path / "lock") as again:
        assert not again.try_exclusive()
        successor.kill()
        successor.wait()
        assert again.try_exclusive()  # the other program, still there, did not inherit it
    for process in (successor, other):
        assert process.stdin is not None
        process.kill()
        process.wait()
        process.stdin.close()


def test_waiting_ends(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock") as holder, FileLock(tmp_path / "lock") as waiter:
        assert holder.try_exclusive()
        with pytest.raises(EmbeddedError, match="another process has held"):
            waiter.wait_exclusive(seconds=0.1)
        holder.close()
        waiter.wait_exclusive(seconds=0.0)
