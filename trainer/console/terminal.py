"""Output to a terminal or file that cannot show every character."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["any_terminal"]

BAD_INPUT = 2  # the exit code of an error that the user can fix


@contextmanager
def any_terminal() -> Iterator[None]:
    """Replace characters that standard output and standard error cannot show.

    A file name that the locale cannot express ends in one line on standard error and exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        yield
    except UnicodeEncodeError as error:
        sys.stderr.write(
            f"error: the locale's encoding {error.encoding} cannot express the name"
            f" {error.object!a}: set PYTHONUTF8=1 in the environment\n"
        )
        sys.exit(BAD_INPUT)
