"""Standard output that may be closed, by ``| head`` or a lost terminal, or be on a full disk.

A program that runs for hours should not end because its output cannot be written. The text is
dropped, and standard error says so once. If a disk was full, the exit code says so as well.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["Outliving", "outlive_readers"]

LOST_OUTPUT = 1  # the exit code of a command that succeeded without writing all its output

#: Errors of writing to a closed pipe, a lost terminal or a closed descriptor.
CLOSED = (errno.EPIPE, errno.EIO, errno.EBADF)
#: Errors of writing to a file on a full disk, or one that may not grow.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Outliving(io.TextIOBase):
    """A text stream that drops its output once that cannot be written."""

    def __init__(
        self, stream: TextIO, *, name: str, errors: TextIO | io.TextIOBase | None
    ) -> None:
        """Write to a stream.

        Args:
            stream: Where to write while that is possible.
            name: Name of the stream, for the line that says it was closed.
            errors: Where to write that line; None for nowhere.
        """
        self._stream, self._name, self._errors = stream, name, errors
        self._gone = False
        self._cut = False

    @property
    def gone(self) -> bool:
        """Whether nothing is written any more."""
        return self._gone

    @property
    def cut(self) -> bool:
        """Whether that is so because the disk is full: a file holds a part of the output."""
        return self._cut

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the stream handles characters that its encoding lacks."""
        return self._stream.errors

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        if not self._gone:
            self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the text, or drop it."""
        if not self._gone:
            self._try(self._stream.flush)

    def writable(self) -> bool:
        """Always true: writing never fails because of the reader."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal that is still open."""
        return not self._gone and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor; it points to the null device once the reader is gone."""
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Any) -> None:
        try:
            action()
        except OSError as error:
            if error.errno not in (*CLOSED, *FULL):
                raise
            self._cut = error.errno in FULL
            self._lose(f"cannot be written ({error.strerror})" if self._cut else "was closed")

    def _lose(self, why: str) -> None:
        self._gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # for buffered text and child processes
        os.close(nowhere)
        if self._errors is not None:
            self._errors.write(f"{self._name} {why}: the work continues without writing to it\n")
            self._errors.flush()


@contextmanager
def outlive_readers() -> Iterator[None]:
    """Keep running if standard output or error is closed or full; once, around the program.

    Raises:
        SystemExit: At the end, with :data:`LOST_OUTPUT`, if standard output was cut.
    """
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        if stream is None:  # closed before the start: no other file may take its descriptor
            _occupy(number)
    sys.stderr = Outliving(sys.stderr or _nowhere(), name="standard error", errors=None)
    output = Outliving(sys.stdout or _nowhere(), name="standard output", errors=sys.stderr)
    sys.stdout = output
    try:
        yield
    except SystemExit as end:
        if end.code or not _is_cut(output):
            raise
    if _is_cut(output):
        sys.exit(LOST_OUTPUT)


def _is_cut(output: Outliving) -> bool:
    output.flush()
    return output.cut


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _occupy(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
