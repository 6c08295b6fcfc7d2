"""A reader that goes away does not end the program; lost output is reported once."""

import errno
import io
import os
import subprocess
import sys
from typing import NoReturn

import pytest

from trainer.console.streams import Outliving

SAID = "standard output was closed: the work continues without writing to it\n"
PROGRAM = """
import sys
from rich.console import Console
import typer
from trainer.console.streams import outlive_readers
outlive_readers()
typer.echo("first")
sys.stdout.flush()
if len(sys.argv) > 1:
    sys.stdin.readline()
for number in range(3):
    typer.echo(f"line {number}")
    Console().print("rich")
    sys.stdout.write("plain")
    sys.stdout.flush()
sys.stderr.write("done\\n")
"""


def test_a_program_continues_after_its_reader_left() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "wait"], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with child:
        assert child.stdout is not None and child.stderr is not None and child.stdin is not None
        assert child.stdout.readline() == "first\n"
        child.stdout.close()
        child.stdin.write("go on\n")
        child.stdin.close()
        assert child.stderr.read() == SAID + "done\n"
    assert child.returncode == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_program_that_starts_without_its_streams_ends_well(closed: str) -> None:
    shell = f'"$0" -c "$1" {closed}; exit $?'
    done = subprocess.run(["/bin/sh", "-c", shell, sys.executable, PROGRAM], check=False)
    assert done.returncode == 0


class Broken(io.StringIO):
    """A stream on a descriptor that fails."""

    def __init__(self, code: int, descriptor: int) -> None:
        super().__init__()
        self._code, self._descriptor = code, descriptor

    def write(self, text: str) -> NoReturn:
        raise OSError(self._code, os.strerror(self._code))

    def fileno(self) -> int:
        return self._descriptor


def test_a_lost_terminal_is_reported_once_and_a_full_disk_is_not_hidden() -> None:
    read, write = os.pipe()
    try:
        errors = io.StringIO()
        stream = Outliving(Broken(errno.EIO, write), name="standard output", errors=errors)
        assert stream.write("lost") == 4
        assert stream.write("lost, too") == 9
        assert errors.getvalue() == SAID and stream.gone and not stream.isatty()
        full = Outliving(Broken(errno.ENOSPC, write), name="standard output", errors=errors)
        with pytest.raises(OSError, match="No space left"):
            full.write("x")
    finally:
        os.close(read)
        os.close(write)
