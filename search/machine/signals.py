"""Handlers of signals that are set for a while."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["handled_signals"]


@contextlib.contextmanager
def handled_signals(
    handle: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Call a handler on signals inside the block; does nothing outside the main thread.

    SIGHUP stays ignored if it was (``nohup``).

    Args:
        handle: The handler.
        *numbers: The signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    wanted = [number for number in numbers if number != signal.SIGHUP or hangs_up]
    before = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
