"""Standard output that may be closed: ``| head``, a pager that was left, a terminal that is gone.

A program that works for hours should not end because nobody reads on. What cannot be written is
dropped, and standard error says so once.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

__all__ = ["Outliving", "outlive_readers"]

#: What writing to a closed pipe, a terminal that is gone or a closed descriptor ends with.
CLOSED = (errno.EPIPE, errno.EIO, errno.EBADF)


class Outliving(io.TextIOBase):
    """A text stream that goes on without output once its reader is gone."""

    def __init__(
        self, stream: TextIO, *, name: str, errors: TextIO | io.TextIOBase | None
    ) -> None:
        """Write to a stream.

        Args:
            stream: Where to write while that is possible.
            name: What the stream is called, for the line that says it was closed.
            errors: Where that line goes; None for nowhere.
        """
        self._stream, self._name, self._told = stream, name, errors
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether the reader is gone."""
        return self._gone

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the stream writes what its encoding lacks."""
        return self._stream.errors

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        if not self._gone:
            self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, or drop it."""
        if not self._gone:
            self._try(self._stream.flush)

    def writable(self) -> bool:
        """It always seems to be."""
        return True

    def isatty(self) -> bool:
        """Whether somebody sees it on a terminal."""
        return not self._gone and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor, which leads nowhere once the reader is gone."""
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Any) -> None:
        try:
            action()
        except OSError as error:
            if error.errno not in CLOSED:
                raise
            self._lose()

    def _lose(self) -> None:
        self._gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # for what is buffered, and for children
        os.close(nowhere)
        if self._told is not None:
            self._told.write(
                f"{self._name} was closed: this goes on, and writes nothing more there\n"
            )
            self._told.flush()


def outlive_readers() -> None:
    """Let standard output and standard error be closed at any time; call it once, at the start."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        if stream is None:  # closed before the start: nothing is to take its descriptor
            _occupy(number)
    sys.stderr = Outliving(sys.stderr or _nowhere(), name="standard error", errors=None)
    sys.stdout = Outliving(sys.stdout or _nowhere(), name="standard output", errors=sys.stderr)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _occupy(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
