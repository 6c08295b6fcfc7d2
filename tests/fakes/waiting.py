"""Waiting for other processes."""

import socket
import time
from collections.abc import Callable

__all__ = ["free_port", "wait_until"]

SECONDS = 60.0
LOOK_SECONDS = 0.02


def wait_until(holds: Callable[[], object], *, seconds: float = SECONDS) -> None:
    """Wait until a condition holds; fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition did not hold in time"
        time.sleep(LOOK_SECONDS)


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
