"""Standard output that may be closed: by ``| head``, a pager that quit or a lost terminal.

A program that runs for hours should not end because nobody reads its output any more. Text that
cannot be written is dropped, and standard error says so once.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

__all__ = ["Outliving", "outlive_readers"]

#: Errors of writing to a closed pipe, a lost terminal or a closed descriptor.
CLOSED = (errno.EPIPE, errno.EIO, errno.EBADF)


class Outliving(io.TextIOBase):
    """A text stream that drops its output once its reader is gone."""

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

    @property
    def gone(self) -> bool:
        """Whether the reader is gone."""
        return self._gone

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
            if error.errno not in CLOSED:
                raise
            self._lose()

    def _lose(self) -> None:
        self._gone = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # for buffered text and child processes
        os.close(nowhere)
        if self._errors is not None:
            self._errors.write(
                f"{self._name} was closed: the work continues without writing to it\n"
            )
            self._errors.flush()


def outlive_readers() -> None:
    """Keep running if standard output or standard error is closed; call it once, at the start."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        if stream is None:  # closed before the start: no other file may take its descriptor
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
