"""File locks, which the kernel releases when the process ends in any way."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from storage.errors import EmbeddedError

__all__ = ["FileLock"]

POLL_SECONDS = 0.05


class FileLock:
    """A lock on a file (``flock``): shared by many holders, or exclusive to one.

    It belongs to the open file: two instances are two holders, even within one process, and a
    program that inherits the descriptor keeps the lock after this process has closed it. Programs
    inherit the descriptor only if it is passed to them explicitly.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it if it is missing; nothing is locked yet."""
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self) -> bool:
        """Lock for this holder alone, without waiting; returns whether that worked."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Lock together with other holders, without waiting; returns whether that worked."""
        return self._try(fcntl.LOCK_SH)

    def wait_exclusive(self, *, seconds: float) -> None:
        """Lock for this holder alone.

        Raises:
            EmbeddedError: If others hold it for longer than ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not self.try_exclusive():
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"another process has held {self.path} for {seconds:g} s while starting or"
                    " stopping the embedded server: wait for it, or end it if it hangs"
                )
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Release this holder's lock, unless a program that inherited the descriptor keeps it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self.descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
