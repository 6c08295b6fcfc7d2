"""SIGTERM and SIGHUP end a command as Ctrl-C does."""

import signal
from contextlib import AbstractContextManager
from types import FrameType

from search.machine.signals import handled_signals

__all__ = ["signals_as_ctrl_c"]


def signals_as_ctrl_c() -> AbstractContextManager[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP inside the block.

    Otherwise they would end the process on the spot, and an embedded server that it started would
    keep running. SIGHUP stays ignored if it was (``nohup``).
    """

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    return handled_signals(handle, signal.SIGTERM, signal.SIGHUP)
