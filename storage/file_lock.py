"""Locks on files that the kernel drops with the process, however it ends."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from storage.errors import EmbeddedError

__all__ = ["FileLock"]

POLL_SECONDS = 0.05


class FileLock:
    """One lock on one file (``flock``): shared by many holders, or exclusive to one.

    It belongs to the opened file, so each instance counts, also within one process, and a
    program that inherits the descriptor keeps the lock when this process has closed it.
    A program started without being handed the descriptor does not inherit it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, which is made if it is missing; nothing is locked yet."""
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self) -> bool:
        """Lock for this holder alone, without waiting; whether that worked."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Lock together with other holders, without waiting; whether that worked."""
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
        """Drop this holder's lock, unless a program that inherited the descriptor keeps it."""
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
