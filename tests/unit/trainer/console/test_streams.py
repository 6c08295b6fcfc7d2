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
with outlive_readers():
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
    sys.exit(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
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


@pytest.mark.parametrize(("own", "expected"), [(0, 1), (3, 3)])
def test_a_full_disk_is_said_once_and_by_the_exit_code(own: int, expected: int) -> None:
    shell = '"$0" -c "$1" wait "$2" < /dev/null > /dev/full; exit $?'
    command = ["/bin/sh", "-c", shell, sys.executable, PROGRAM, str(own)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr == (
        "standard output cannot be written (No space left on device): the work continues without"
        " writing to it\ndone\n"
    )
    assert done.returncode == expected


@pytest.mark.parametrize("module", ["search", "trainer"])
def test_a_command_says_in_one_line_that_its_output_is_lost(module: str) -> None:
    shell = f"{sys.executable} -m {module} --help > /dev/full; exit $?"
    done = subprocess.run(["/bin/sh", "-c", shell], check=False, capture_output=True, text=True)
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr
    assert done.returncode == 1


class Broken(io.StringIO):
    """A stream on a descriptor that fails."""

    def __init__(self, code: int, descriptor: int) -> None:
        super().__init__()
        self._code, self._descriptor = code, descriptor

    def write(self, text: str) -> NoReturn:
        raise OSError(self._code, os.strerror(self._code))

    def fileno(self) -> int:
        return self._descriptor


def test_a_lost_terminal_is_reported_once_and_other_errors_are_not_hidden() -> None:
    read, write = os.pipe()
    try:
        errors = io.StringIO()
        stream = Outliving(Broken(errno.EIO, write), name="standard output", errors=errors)
        assert stream.write("lost") == 4
        assert stream.write("lost, too") == 9
        assert errors.getvalue() == SAID and stream.gone and not stream.isatty()
        strange = Outliving(Broken(errno.EINVAL, write), name="standard output", errors=errors)
        with pytest.raises(OSError, match="Invalid argument"):
            strange.write("x")
    finally:
        os.close(read)
        os.close(write)
