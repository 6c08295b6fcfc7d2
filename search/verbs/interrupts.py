"""Ctrl-C and SIGTERM: the first asks a search to stop, the second interrupts it."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from search.verbs.session import Session

__all__ = ["stop_on_signals"]


@contextlib.contextmanager
def stop_on_signals(session: Session) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks for a stop, the second interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if session.stop_reason is not None:
            raise KeyboardInterrupt
        session.stop(f"{signal.Signals(number).name} received; once more stops at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
